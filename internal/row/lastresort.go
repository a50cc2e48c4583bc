package row

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/signing"
)

// Members of a last-resort line: the record, and if the process has a key the
// line's number and the record's signature under it (see internal/signing).
const (
	LastResortMember = "logtable_record"
	lastResortNumber = "n"
	lastResortMAC    = "mac"
)

const (
	beforeRecord = `{"` + LastResortMember + `":`
	afterRecord  = `,"` + lastResortNumber + `":`
	afterNumber  = `,"` + lastResortMAC + `":"`

	// MaxLastResortLine bounds one last-resort line, in bytes: CloudWatch has
	// cut longer ones (256 KiB less 26).
	MaxLastResortLine = 250_000
)

// AppendLastResort appends the record as a line of the log, the number-th
// that the key signs. Without a key it is neither numbered nor signed.
func (r *Record) AppendLastResort(dst []byte, key *signing.Key, number uint64) []byte {
	dst = append(dst, beforeRecord...)
	begin := len(dst)
	dst = r.AppendJSON(dst)
	if end := len(dst); key != nil {
		dst = strconv.AppendUint(append(dst, afterRecord...), number, 10)
		dst = key.AppendMAC(append(dst, afterNumber...), number, dst[begin:end])
		dst = append(dst, '"')
	}
	return append(dst, '}', '\n')
}

// AppendLastResortEnd appends the line behind the last of so many last-resort
// lines. It reveals the key, which must not be used again.
func AppendLastResortEnd(dst []byte, key *signing.Key, lines int, now time.Time) []byte {
	const line = `{"time":%q,"level":"INFO","logtable":` +
		`"end of the last-resort lines: this is the key they are signed with","%s":%q,"%s":%d}` + "\n"
	return fmt.Appendf(dst, line, now.UTC().Format(time.RFC3339Nano),
		signing.Secret, key.Secret(), signing.Lines, lines)
}

// A LastResortLine is one taken apart. Nothing in it has been looked at.
type LastResortLine struct {
	Record []byte // to be given to ParseRecord
	Number uint64 // 0 if it is not signed
	MAC    string // "" if it is not signed
}

// errNotWhole says that a last-resort line ends early.
var errNotWhole = errors.New("cannot read the record: the line is cut off")

// ParseLastResort takes the message of a log's event apart, which must be a
// last-resort line and nothing else. found is false if it does not begin as
// one.
func ParseLastResort(message []byte) (l LastResortLine, found bool, err error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(bytes.TrimSpace(message)))
	if !next(dec, '{') {
		return l, false, nil
	}
	if name, err := dec.ReadToken(); err != nil || name.Kind() != '"' || name.String() != LastResortMember {
		return l, false, nil
	}
	record, err := dec.ReadValue()
	if err != nil {
		return l, true, errNotWhole
	}
	l.Record = bytes.Clone(record)
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return l, true, errNotWhole
		}
		switch name.String() {
		case lastResortNumber:
			err = l.readNumber(dec)
		case lastResortMAC:
			l.MAC, err = readString(dec)
		default:
			err = newer("member", name.String())
		}
		if err != nil {
			return l, true, fmt.Errorf("cannot read the record: %w", err)
		}
	}
	if !next(dec, '}') {
		return l, true, errNotWhole
	}
	if rest := dec.UnreadBuffer(); len(rest) > 0 {
		return l, true, errors.New("cannot read the record: other text follows it")
	}
	return l, true, nil
}

func (l *LastResortLine) readNumber(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err == nil {
		l.Number, err = strconv.ParseUint(string(value), 10, 64)
	}
	if err != nil {
		return errors.New("its number is not one")
	}
	return nil
}

// ReadLastResort reads the record of a last-resort line, whoever has signed
// it. found is false if the message does not begin as one.
func ReadLastResort(message []byte) (r *Record, found bool, err error) {
	l, found, err := ParseLastResort(message)
	if !found || err != nil {
		return nil, found, err
	}
	r, err = ParseRecord(l.Record)
	return r, true, err
}
