package row

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Members of a record's JSON form: the kind of table; whose record it is, and
// whether it must stay a row of its own (both in the spill only); and the item
// as DynamoDB's JSON has it.
const (
	memberTable = "table"
	memberOwner = "for"
	memberAlone = "alone"
	memberItem  = "item"

	tableInfo   = "info"
	tableErrors = "errors"

	aloneTrue = `"` + memberAlone + `":true,`
)

// AppendJSON appends the record as one JSON object without line breaks, as it
// is kept in the spill and in the last-resort lines:
// {"table":"info","item":{…}}.
func (r *Record) AppendJSON(dst []byte) []byte { return r.AppendOwned(dst, "") }

// AppendOwned is AppendJSON for a record that says whose it is, and whether it
// is to stand alone: owner has at most MaxOwner letters and digits, and none is
// named for "".
func (r *Record) AppendOwned(dst []byte, owner string) []byte {
	if r.error {
		dst = append(dst, `{"`+memberTable+`":"`+tableErrors+`",`...)
	} else {
		dst = append(dst, `{"`+memberTable+`":"`+tableInfo+`",`...)
	}
	if owner != "" {
		dst = append(dst, `"`+memberOwner+`":"`...)
		dst = append(append(dst, owner...), `",`...)
		if r.alone {
			dst = append(dst, aloneTrue...)
		}
	}
	dst = append(dst, `"`+memberItem+`":`...)
	dst = append(dst, r.item...)
	return append(dst, '}')
}

// ReadOwned takes what AppendOwned has written for the owner, without a copy.
// ok is false for everything else, and for packs, which are left to ParseOwned:
// it knows how many lines they hold.
func ReadOwned(data []byte, owner string) (r Record, ok bool) {
	for _, table := range []string{tableInfo, tableErrors} {
		rest, ok := cutPrefix(data, `{"`+memberTable+`":"`, table, `",`)
		alone := false
		if ok && owner != "" {
			if rest, ok = cutPrefix(rest, `"`+memberOwner+`":"`, owner, `",`); ok {
				rest, alone = cutPrefix(rest, aloneTrue)
			}
		}
		if ok {
			rest, ok = cutPrefix(rest, `"`+memberItem+`":`)
		}
		if item := bytes.TrimSuffix(rest, []byte{'}'}); ok && !bytes.Contains(item, packedItem) {
			r := Encoded(item[:len(item):len(item)], table == tableErrors)
			r.alone = alone
			return r, true
		}
	}
	return Record{}, false
}

// packedItem is what the item of a pack holds. In a text its quotation marks
// would be escaped.
var packedItem = []byte(`"` + AttrLines + `":{"`)

func cutPrefix(b []byte, prefixes ...string) (rest []byte, ok bool) {
	for _, prefix := range prefixes {
		if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
			return b, false
		}
		b = b[len(prefix):]
	}
	return b, true
}

var (
	validDate  = lazily(`^([0-9]{4}-[0-9]{2}-[0-9]{2})(#[1-9][0-9]{0,3})?$`)
	validStamp = lazily(`^([0-9]{10})\.[0-9]{7}\+[A-Za-z0-9._-]{0,128}\+[0-9a-v]{10}$`)
	validLevel = lazily(`^[^\x00-\x20\x7f]{1,64}$`)
)

// lazily compiles an expression when it is needed first: only what comes back
// from the spill or a log is validated, and a cold start shall not pay for it.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// ParseRecord reads what AppendJSON wrote, as if a stranger had written it: the
// bytes come from a directory that the function can write to, or from a log
// file. What it returns can be stored as it is.
func ParseRecord(data []byte) (*Record, error) {
	r, _, err := ParseOwned(data)
	return r, err
}

// ParseOwned is ParseRecord, and says whose the record is; "" if it does not
// say.
func ParseOwned(data []byte) (rec *Record, owner string, err error) {
	f, err := readRecord(data)
	if err != nil {
		return nil, "", fmt.Errorf("cannot read the record: %w", err)
	}
	r := f.row
	r.Error = f.table == tableErrors
	if at := r.ExceptionAt; at < 0 || at >= int64(len(r.Message)) || !utf8.RuneStart(r.Message[at]) {
		r.ExceptionAt = -1
	}
	r.Truncated = max(0, min(r.Truncated, 1<<40))
	if err := r.check(f.table); err != nil {
		return nil, "", fmt.Errorf("cannot accept the record: %w", err)
	}
	r.Fit()
	rec = r.Record(len(data))
	rec.alone = f.alone
	return rec, f.owner, nil
}

// A form is a record's JSON form, taken apart.
type form struct {
	row          *Row
	table, owner string
	alone        bool
}

// readRecord reads the JSON form. Members that no record has are refused.
func readRecord(data []byte) (f form, err error) {
	f.row = emptyRow()
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if !next(dec, '{') {
		return form{}, errors.New("it is not a JSON object")
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return form{}, err
		}
		switch name.String() {
		case memberTable:
			f.table, err = readString(dec)
		case memberOwner:
			f.owner, err = readString(dec)
		case memberAlone:
			if f.alone = next(dec, 't'); !f.alone {
				err = errors.New("a value that should be true is not")
			}
		case memberItem:
			err = f.row.readItem(dec)
		default:
			err = newer("member", name.String())
		}
		if err != nil {
			return form{}, err
		}
	}
	if !next(dec, '}') || len(bytes.TrimSpace(data[dec.InputOffset():])) > 0 {
		return form{}, errors.New("it is not one complete JSON object")
	}
	return f, nil
}

// ErrNewer says that a record, or the pack that it is, has something that this
// version does not know.
var ErrNewer = errors.New("written by a newer Logtable: install that version and try again")

// newer says what is not known. Its name is a stranger's: it is quoted, and
// cut.
func newer(what, name string) error {
	return fmt.Errorf("the %s %q is unknown: %w", what, Cut(name, 60), ErrNewer)
}

// next reads a token and reports whether it is of the kind.
func next(dec *jsontext.Decoder, kind jsontext.Kind) bool {
	tok, err := dec.ReadToken()
	return err == nil && tok.Kind() == kind
}

func readString(dec *jsontext.Decoder) (string, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return "", err
	}
	if tok.Kind() != '"' {
		return "", errors.New("a value should be a string and is not")
	}
	return tok.String(), nil
}

func emptyRow() *Row {
	r := new(Row)
	for i := range attributes {
		if a := &attributes[i]; a.number != nil {
			*a.number(r) = a.none
		}
	}
	return r
}

// readItem reads an item in DynamoDB's JSON into an empty row.
func (r *Row) readItem(dec *jsontext.Decoder) error {
	if !next(dec, '{') {
		return errors.New("its item is not a JSON object")
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		a := findAttribute(name.String())
		if a == nil {
			return newer("attribute", name.String())
		}
		if err := a.read(r, dec); err != nil {
			return err
		}
	}
	if !next(dec, '}') {
		return errors.New("its item is not one complete JSON object")
	}
	return nil
}

func findAttribute(name string) *attribute {
	for i := range attributes {
		if attributes[i].name == name {
			return &attributes[i]
		}
	}
	return nil
}

// read reads the attribute's value, {"S":"…"}.
func (a *attribute) read(r *Row, dec *jsontext.Decoder) error {
	if !next(dec, '{') {
		return fmt.Errorf("the value of %s is not a JSON object", a.name)
	}
	kind, err := readString(dec)
	if err != nil || kind != a.kind() {
		return fmt.Errorf("the value of %s has the wrong type", a.name)
	}
	value, err := readString(dec)
	if err != nil {
		return fmt.Errorf("the value of %s cannot be read", a.name)
	}
	switch {
	case a.text != nil:
		*a.text(r) = value
	case a.binary != nil:
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return fmt.Errorf("the value of %s is not base64", a.name)
		}
		*a.binary(r) = string(raw)
	default:
		if *a.number(r), err = strconv.ParseInt(value, 10, 64); err != nil {
			return fmt.Errorf("%s is not a whole number", a.name)
		}
	}
	if !next(dec, '}') {
		return fmt.Errorf("the value of %s is cut off", a.name)
	}
	return nil
}

// check refuses what no Store has made.
func (r *Row) check(kind string) error {
	if err := r.checkKey(); err != nil {
		return err
	}
	switch {
	case kind != tableInfo && kind != tableErrors:
		return errors.New("its table is neither info nor errors")
	case r.Message == "":
		return errors.New("it has no message")
	case r.Error && r.Expiry != 0, !r.Error && r.Expiry < minTime.Unix():
		return errors.New("its expiry does not match its table")
	case r.Fields != "" && !isJSON(r.Fields):
		return errors.New("its fields are not JSON")
	case r.Packed != "" || r.Lines != 0:
		return r.checkPack()
	case !validLevel().MatchString(r.Level):
		return errors.New("its level is not a valid name")
	}
	return nil
}

func isJSON(text string) bool {
	return jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// checkKey is check for the key.
func (r *Row) checkKey() error {
	stamp := validStamp().FindStringSubmatch(r.StampMod)
	if stamp == nil {
		return errors.New("its stamp_mod is not one of Logtable's")
	}
	date := validDate().FindStringSubmatch(r.Date)
	if date == nil {
		return errors.New("its date is not a valid day")
	}
	day, err := time.Parse(time.DateOnly, date[1])
	if err != nil {
		return errors.New("its date is not a valid day")
	}
	seconds, _ := strconv.ParseInt(stamp[1], 10, 64) // ten digits
	// Zones reach from -12 to +14 hours.
	if off := time.Unix(seconds, 0).Sub(day); off < -15*time.Hour || off > 39*time.Hour {
		return errors.New("its date and its stamp do not match")
	}
	return nil
}
