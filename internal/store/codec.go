package store

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// attrTable is the member that names the kind of table in a record's JSON
// form; the other members have the names of the row's attributes.
const attrTable = "table"

// attrOwner is the member that names whose record it is, in the spill only.
const attrOwner = "for"

const (
	tableInfo   = "info"
	tableErrors = "errors"
)

// AppendJSON appends the record as one JSON object without line breaks, as it
// is kept in the spill and in the last-resort lines.
func (r *Record) AppendJSON(dst []byte) []byte {
	kind := tableInfo
	if r.Error {
		kind = tableErrors
	}
	dst = append(dst, `{"table":"`...)
	dst = append(dst, kind...)
	dst = append(dst, '"')
	text := func(name, value string) {
		if value == "" {
			return
		}
		dst = append(dst, `,"`...)
		dst = append(dst, name...)
		dst = append(dst, `":`...)
		// Invalid UTF-8 is replaced, which AppendQuote reports as an error.
		dst, _ = jsontext.AppendQuote(dst, value)
	}
	number := func(name string, set bool, value int64) {
		if !set {
			return
		}
		dst = append(dst, `,"`...)
		dst = append(dst, name...)
		dst = append(dst, `":`...)
		dst = strconv.AppendInt(dst, value, 10)
	}
	text(AttrDate, r.Date)
	text(AttrStampMod, r.StampMod)
	text(AttrMessage, r.Message)
	text(AttrLevel, r.Level)
	text(AttrLocator, r.Locator)
	text(AttrRequestID, r.RequestID)
	text(AttrFields, r.Fields)
	text(AttrIssues, r.Issues)
	number(AttrExceptionAt, r.ExceptionAt >= 0, int64(r.ExceptionAt))
	number(AttrExpiry, r.Expiry != 0, r.Expiry)
	number(AttrTruncated, r.Truncated != 0, int64(r.Truncated))
	return append(dst, '}')
}

var (
	validStamp = regexp.MustCompile(`^([0-9]{10})\.[0-9]{7}\+[A-Za-z0-9._-]{0,128}\+[0-9a-v]{10}$`)
	validLevel = regexp.MustCompile(`^[^\x00-\x20\x7f]{1,64}$`)
)

// ParseRecord reads what AppendJSON wrote, as if a stranger had written it: the
// bytes come from a directory that the function can write to, or from a log
// file. What it returns can be stored as it is.
func ParseRecord(data []byte) (*Record, error) {
	r := &Record{ExceptionAt: -1}
	kind := ""
	texts := map[string]*string{
		attrTable: &kind, AttrDate: &r.Date, AttrStampMod: &r.StampMod, AttrMessage: &r.Message, AttrLevel: &r.Level,
		AttrLocator: &r.Locator, AttrRequestID: &r.RequestID, AttrFields: &r.Fields, AttrIssues: &r.Issues,
		attrOwner: &r.owner,
	}
	var exceptionAt, truncated int64 = -1, 0
	numbers := map[string]*int64{AttrExceptionAt: &exceptionAt, AttrExpiry: &r.Expiry, AttrTruncated: &truncated}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, errors.New("cannot read the record: it is no JSON object")
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, fmt.Errorf("cannot read the record: %w", err)
		}
		key := name.String()
		value, err := dec.ReadToken()
		if err != nil {
			return nil, fmt.Errorf("cannot read the record: %w", err)
		}
		switch {
		case texts[key] != nil && value.Kind() == '"':
			*texts[key] = value.String()
		case numbers[key] != nil && value.Kind() == '0':
			if *numbers[key], err = strconv.ParseInt(value.String(), 10, 64); err != nil {
				return nil, fmt.Errorf("cannot read the record: %s is no whole number", key)
			}
		default:
			return nil, errors.New("cannot read the record: it has a member that no record has")
		}
	}
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '}' || len(bytes.TrimSpace(data[dec.InputOffset():])) > 0 {
		return nil, errors.New("cannot read the record: it does not end as a JSON object")
	}
	r.Error = kind == tableErrors
	if exceptionAt >= 0 && exceptionAt < int64(len(r.Message)) && utf8.RuneStart(r.Message[exceptionAt]) {
		r.ExceptionAt = int(exceptionAt)
	}
	r.Truncated = int(max(0, min(truncated, 1<<40)))
	if err := r.check(kind); err != nil {
		return nil, fmt.Errorf("cannot accept the record: %w", err)
	}
	r.fit()
	return r, nil
}

// check refuses what no Store has made.
func (r *Record) check(kind string) error {
	stamp := validStamp.FindStringSubmatch(r.StampMod)
	if stamp == nil {
		return errors.New("its stamp_mod is none of ours")
	}
	day, err := time.Parse(time.DateOnly, r.Date)
	if err != nil {
		return errors.New("its date is no day")
	}
	seconds, _ := strconv.ParseInt(stamp[1], 10, 64) // ten digits
	// Zones reach from -12 to +14 hours.
	if off := time.Unix(seconds, 0).Sub(day); off < -15*time.Hour || off > 39*time.Hour {
		return errors.New("its date and its stamp do not belong together")
	}
	switch {
	case kind != tableInfo && kind != tableErrors:
		return errors.New("its table is neither info nor errors")
	case !validLevel.MatchString(r.Level):
		return errors.New("its level is no name")
	case r.Message == "":
		return errors.New("it has no message")
	case r.Error && r.Expiry != 0, !r.Error && r.Expiry < minTime.Unix():
		return errors.New("its expiry does not suit its table")
	case r.Fields != "" && !jsontext.Value(r.Fields).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)):
		return errors.New("its fields are no JSON")
	}
	return nil
}
