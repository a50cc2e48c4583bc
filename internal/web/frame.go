package web

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"io"
	"math"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/row"
)

// Rows go to the page in frames of columns, which it keeps as they come: a
// million rows take it about a hundred bytes each. A frame is, little-endian,
//
//	uint32     bytes that follow
//	uint32     n, the rows; uint32 h, the bytes of the head
//	float64[n] time, in epoch milliseconds
//	uint32[n]  key: FNV-1a of the sort key, which tells apart rows of one time
//	uint32[n]  where the row's text ends
//	uint16[n]  level, then module, then locator: indexes of names
//	uint8[n]   flags
//	h bytes    head, JSON
//	the texts  UTF-8, one after the other
//
// The head has the names that are new, and what there is to say besides.
const (
	fullFrame = 4096 // rows

	flagError = 1 << 0 // it is from the errors table
	flagLate  = 1 << 1
	flagCut   = 1 << 2 // the text goes on

	// The texts of the first rows are longer: most searches have no more.
	longRows, longText, shortText = 50_000, 320, 64 // rows, bytes, bytes
	// maxNames bounds the names, whose indexes are 16 bits; the last stands for
	// all further ones. maxName is how much of one is sent, in bytes.
	maxNames, maxName = 1<<16 - 1, 64
)

// head is what a frame says besides rows.
type head struct {
	Names []string `json:"names,omitempty"` // new ones

	// From and To are the span that is read, in epoch milliseconds: of the
	// first frame.
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`

	Trouble *string `json:"trouble,omitempty"` // of a tail; "" that it is over

	Units float64 `json:"units"`           // read units so far
	Spent float64 `json:"spent,omitempty"` // read units of all requests; of the last frame
	Done  bool    `json:"done,omitempty"`  // this is the last frame
	Full  bool    `json:"full,omitempty"`  // there are more rows than the page takes
	*Failure
}

// framer gathers rows and writes them as frames.
type framer struct {
	w     io.Writer
	names map[string]uint16
	sent  int // rows

	times                     []float64
	keys, ends                []uint32
	levels, modules, locators []uint16
	flags, texts              []byte
	fresh                     []string
	frame                     []byte // the last, whose memory is used again
}

func newFramer(w io.Writer) *framer {
	// The first name stands for those that have no place.
	return &framer{w: w, names: map[string]uint16{"": 0}, fresh: []string{""}}
}

// rows is how many are gathered.
func (f *framer) rows() int { return len(f.times) }

func (f *framer) add(r *read.Row, late bool) {
	f.times = append(f.times, float64(r.Time.UnixMilli()))
	f.keys = append(f.keys, keyOf(r))
	f.levels = append(f.levels, f.name(r.Level))
	f.modules = append(f.modules, f.name(r.Module))
	f.locators = append(f.locators, f.name(r.Locator))
	most := longText
	if f.sent++; f.sent > longRows {
		most = shortText
	}
	text, cut := listText(r, most)
	f.texts = append(f.texts, text...)
	f.flags = append(f.flags, flag(r.Error, flagError)|flag(late, flagLate)|flag(cut, flagCut))
	f.ends = append(f.ends, uint32(len(f.texts)))
}

// listText is what a list shows of a row: the text, the fields, and the line of
// the exception that says what went wrong, in at most n bytes.
func listText(r *read.Row, n int) (text string, cut bool) {
	text = row.Cut(r.Text, n)
	add := func(before, more string) {
		if text == "" {
			before = ""
		}
		if room := n - len(text) - len(before); more != "" && room > 0 {
			text += before + row.Cut(more, room)
			cut = cut || len(more) > room
		}
	}
	cut = len(text) < len(r.Text)
	add("  ", read.FieldsText(r.Fields))
	add(" ▸ ", cause.Headline(r.Exception))
	return text, cut
}

func flag(is bool, bit byte) byte {
	if is {
		return bit
	}
	return 0
}

// keyOf tells a row from others of its millisecond.
func keyOf(r *read.Row) uint32 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, r.StampMod) // it does not fail
	return h.Sum32()
}

// name is a name's index.
func (f *framer) name(name string) uint16 {
	name = row.Cut(name, maxName)
	n, known := f.names[name]
	if !known {
		if len(f.names) >= maxNames {
			name = "…"
			if n, known = f.names[name]; known {
				return n
			}
		}
		n = uint16(len(f.names))
		f.names[name] = n
		f.fresh = append(f.fresh, name)
	}
	return n
}

// flush writes what is gathered.
func (f *framer) flush(h head) error {
	h.Names = f.fresh
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	b := append(f.frame[:0], 0, 0, 0, 0)
	b = le.AppendUint32(b, uint32(len(f.times)))
	b = le.AppendUint32(b, uint32(len(text)))
	for _, t := range f.times {
		b = le.AppendUint64(b, math.Float64bits(t))
	}
	for _, column := range [][]uint32{f.keys, f.ends} {
		for _, n := range column {
			b = le.AppendUint32(b, n)
		}
	}
	for _, column := range [][]uint16{f.levels, f.modules, f.locators} {
		for _, n := range column {
			b = le.AppendUint16(b, n)
		}
	}
	b = append(append(append(b, f.flags...), text...), f.texts...)
	le.PutUint32(b, uint32(len(b)-4))
	f.frame, f.fresh = b, nil
	f.times, f.keys, f.ends = f.times[:0], f.keys[:0], f.ends[:0]
	f.levels, f.modules, f.locators = f.levels[:0], f.modules[:0], f.locators[:0]
	f.flags, f.texts = f.flags[:0], f.texts[:0]
	_, err = f.w.Write(b)
	return err
}
