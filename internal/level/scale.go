// Package level says which levels a log line can have, in which order, and what
// loggers call and number them.
package level

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Level is one step of a Scale.
type Level struct {
	Name  string // upper case, as it is stored
	Rank  int    // its place: a level is at least another if its rank is
	Error bool   // belongs into the errors table, not the informational one
}

// Scale orders the level names. It is immutable and safe for concurrent use.
type Scale struct {
	levels []Level          // by rank
	names  map[string]Level // upper-case names and the aliases that apply
}

// Bounds of a replaced scale. Names end up in every row and every diagnostic.
const (
	maxLevels = 32
	// MaxName is how long the name of a level may be, in bytes.
	MaxName = 32
)

const defaultLevels = "DEBUG=0,INFO=1,WARN=2,ALARM=6,ERROR=7"

// DefaultScale is DEBUG 0, INFO 1, WARN 2, ALARM 6, ERROR 7, with errors from
// ALARM on. The numbers from INFO on are the ancestor's.
func DefaultScale() *Scale {
	s, err := ParseScale("", "")
	if err != nil {
		panic("level: the default scale is refused: " + err.Error())
	}
	return s
}

// ParseScale reads a scale from settings: levels as "DEBUG=0,INFO=1,…" (at most
// 32 names of at most 32 letters, digits, '-' and '_', with whole numbers) and
// the level from which on a line is an error. An empty levels is the default
// scale; an empty errorsFrom means ALARM or, on a scale without it, ERROR. The
// error says what to write instead.
func ParseScale(levels, errorsFrom string) (*Scale, error) {
	if strings.TrimSpace(levels) == "" {
		levels = defaultLevels
	}
	s := &Scale{names: make(map[string]Level)}
	for _, part := range strings.Split(levels, ",") {
		if err := s.add(part); err != nil {
			return nil, err
		}
	}
	s.index()
	if err := s.setErrors(errorsFrom); err != nil {
		return nil, err
	}
	s.index() // again: the copies in names now know which are errors
	return s, nil
}

// add adds the level that "NAME=number" describes, in its place.
func (s *Scale) add(part string) error {
	name, number, ok := strings.Cut(part, "=")
	name = strings.ToUpper(strings.TrimSpace(name))
	if !ok || !isName(name) {
		return fmt.Errorf("cannot read level %q: write NAME=number with letters, digits, '-' or '_' in the name, "+
			"for example %s", strings.TrimSpace(part), defaultLevels)
	}
	rank, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		return fmt.Errorf("cannot read the number of level %s: %q is not a whole number; write, for example, %s=3",
			name, strings.TrimSpace(number), name)
	}
	if slices.ContainsFunc(s.levels, func(l Level) bool { return l.Name == name }) {
		return fmt.Errorf("cannot use the scale: level %s occurs twice; write each name once", name)
	}
	if len(s.levels) == maxLevels {
		return fmt.Errorf("cannot use the scale: it has more than %d levels; write fewer", maxLevels)
	}
	s.levels = append(s.levels, Level{Name: name, Rank: rank})
	for i := len(s.levels) - 1; i > 0 && s.levels[i-1].Rank > rank; i-- {
		s.levels[i-1], s.levels[i] = s.levels[i], s.levels[i-1]
	}
	return nil
}

func isName(name string) bool {
	if name == "" || len(name) > MaxName {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// index fills names from levels.
func (s *Scale) index() {
	clear(s.names)
	for _, l := range s.levels {
		s.names[l.Name] = l
	}
	resolved := make(map[string]Level)
	for _, alias := range strings.Split(aliases, " ") {
		name, targets, _ := strings.Cut(alias, "=")
		if _, own := s.names[name]; own {
			continue
		}
		for _, target := range strings.Split(targets, ",") {
			if l, ok := s.names[target]; ok {
				resolved[name] = l
				break
			}
		}
	}
	for alias, l := range resolved {
		s.names[alias] = l
	}
}

// setErrors marks the levels from name on as errors.
func (s *Scale) setErrors(name string) error {
	name = strings.TrimSpace(name)
	candidates := []string{name}
	if name == "" {
		candidates = []string{"ALARM", "ERROR"}
	}
	for _, c := range candidates {
		if from, ok := s.Find(c); ok {
			for i := range s.levels {
				s.levels[i].Error = s.levels[i].Rank >= from.Rank
			}
			return nil
		}
	}
	if name == "" {
		return errors.New("cannot tell where errors begin: the scale has neither ALARM nor ERROR; " +
			"name the lowest error level, one of " + s.String())
	}
	return fmt.Errorf("errors cannot begin at level %q, which is not on the scale; write one of %s", name, s)
}

// String lists the level names, lowest first: "DEBUG, INFO, WARN".
func (s *Scale) String() string {
	names := make([]string, len(s.levels))
	for i, l := range s.levels {
		names[i] = l.Name
	}
	return strings.Join(names, ", ")
}

// Find returns the level that a name, in any case, or one of its usual aliases
// (WARNING, CRITICAL, FATAL, …) stands for. Names on the scale go first; an
// alias is found only if a level it may stand for is on the scale.
//
//go:noinline
func (s *Scale) Find(name string) (Level, bool) {
	return find(s, name)
}

// FindBytes is Find for text that is not yet a string; it does not allocate.
func (s *Scale) FindBytes(name []byte) (Level, bool) {
	return find(s, name)
}

func find[T ~string | ~[]byte](s *Scale, name T) (Level, bool) {
	var upper [MaxName]byte
	if len(name) > len(upper) {
		return Level{}, false
	}
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	l, ok := s.names[string(upper[:len(name)])]
	return l, ok
}

// Warn returns the level under which invalid lines are stored whose own level
// cannot be made out. On every scale it is named WARN: readers find them in one
// place. Its rank is that of WARN or of its alias WARNING or, on a scale with
// neither, of the highest level below the errors (of the lowest level if all
// are errors), and it is an error if that level is one.
func (s *Scale) Warn() Level {
	l, ok := s.Find("WARN")
	for i := range s.levels {
		if !ok && (i == 0 || !s.levels[i].Error) {
			l = s.levels[i]
		}
	}
	l.Name = "WARN"
	return l
}

// Top returns the highest level.
func (s *Scale) Top() Level { return s.levels[len(s.levels)-1] }

// Alarm returns the level for what somebody has to know: ALARM, or on a scale
// without it the highest level.
func (s *Scale) Alarm() Level {
	if level, ok := s.Find("ALARM"); ok {
		return level
	}
	return s.Top()
}

// LowestError returns the lowest level that is an error.
func (s *Scale) LowestError() Level {
	return s.levels[slices.IndexFunc(s.levels, func(l Level) bool { return l.Error })]
}

// Info returns the level for what is merely worth knowing: INFO, or on a scale
// without it the lowest level.
func (s *Scale) Info() Level {
	if level, ok := s.Find("INFO"); ok && !level.Error {
		return level
	}
	return s.levels[0]
}
