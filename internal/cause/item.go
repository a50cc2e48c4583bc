package cause

import (
	"strconv"
	"time"

	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/row"
)

// Decode reads a State's item as DynamoDB's JSON has it, without its history.
// ok is false if it is not one. What is odd in it is left out: others can write
// to the table.
func Decode(item []byte) (s State, ok bool) {
	whole := jsonscan.Whole(item)
	date, stampMod := text(whole, row.AttrDate), text(whole, row.AttrStampMod)
	if !IsItem(date) {
		return State{}, false
	}
	s.ID = ID{Module: date[len(Prefix):], Locator: stampMod}
	s.Change = Change{
		State: text(whole, AttrState), Rev: number(whole, AttrRev), By: text(whole, AttrBy),
		At: Time(number(whole, AttrAt)), Until: Time(number(whole, AttrUntil)), Note: text(whole, AttrNote),
	}
	for element := range jsonscan.Array(value(whole, AttrVersions, "L")).Elements {
		if len(s.Versions) < MaxVersions {
			s.Versions = append(s.Versions, jsonscan.Text(jsonscan.Object(element).Find(`"S"`)))
		}
	}
	return s.Bounded(), s.Rev > 0
}

// Bounded is the state with its texts as they may be shown, whoever has written
// them.
func (s State) Bounded() State {
	s.ID = Named(s.Module, s.Locator)
	s.State, s.By, s.Note = bounded(s.State, maxState), bounded(s.By, MaxBy), bounded(s.Note, MaxNote)
	for i, v := range s.Versions {
		s.Versions[i] = row.Cut(v, MaxVersion)
	}
	return s
}

// bounded is a text as a line of at most so many bytes. A hostile one is cut
// before it is cleaned, too: with 400 KB that takes 50 ms of a whole processor,
// and a function may have a tenth of one.
func bounded(s string, most int) string {
	const slack = 8 // for spaces, and what becomes one
	return row.Cut(Line(row.Cut(s, slack*most)), most)
}

// Time is a time of an item, which has epoch milliseconds; 0 for none.
func Time(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// value is an attribute's value if it is of a type.
func value(item jsonscan.Object, name, kind string) []byte {
	return jsonscan.Object(item.Find(`"` + name + `"`)).Find(`"` + kind + `"`)
}

func text(item jsonscan.Object, name string) string {
	return jsonscan.Text(value(item, name, row.Text))
}

func number(item jsonscan.Object, name string) int64 {
	n, _ := strconv.ParseInt(jsonscan.Text(value(item, name, row.Number)), 10, 64)
	return n
}
