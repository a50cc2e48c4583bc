package parse

import (
	"bytes"
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
	maxLevels    = 32
	maxLevelName = 32 // bytes
)

const defaultLevels = "DEBUG=0,INFO=1,WARN=2,ALARM=6,ERROR=7"

// aliases are names that common loggers print, each with the levels that it
// stands for: the first of them that is on the scale.
//
// Most of the aliases are from syslog (RFC 5424), java.util.logging, log4j,
// Python, loguru, Ruby (whose unknown prints as ANY), winston, Serilog, .NET
// (whose console formatter prints four letters), Go's zap, Rust's tracing and
// Google's Cloud Logging. This is a text, which costs the layer a kilobyte less
// than a list, and no map, as that would be made when the process starts.
const aliases = " ALL=TRACE,DEBUG SILLY=TRACE,DEBUG FINEST=TRACE,DEBUG FINER=TRACE,DEBUG TRCE=TRACE,DEBUG " +
	"TRACE=VERBOSE,DEBUG VERBOSE=TRACE,DEBUG FINE=DEBUG,TRACE DBG=DEBUG,TRACE " +
	"DBUG=DEBUG,TRACE DEBUG=TRACE,VERBOSE CONFIG=INFO,INFORMATION LOG=INFO,INFORMATION " +
	"INFO=INFORMATION INFORMATION=INFO INFORMATIONAL=INFO,INFORMATION " +
	"NOTICE=INFO,INFORMATION WARN=WARNING WARNING=WARN ERR=ERROR,SEVERE ERROR=SEVERE,ERR " +
	"FAIL=ERROR,SEVERE,ERR SEVERE=ERROR,ERR CRIT=CRITICAL,FATAL,ERROR " +
	"CRITICAL=CRIT,FATAL,ERROR DPANIC=PANIC,FATAL,CRITICAL,ERROR PANIC=FATAL,CRITICAL,ERROR " +
	"FATAL=CRITICAL,ERROR ALERT=CRITICAL,FATAL,ERROR EMERG=EMERGENCY,FATAL,CRITICAL,ERROR " +
	"EMERGENCY=EMERG,FATAL,CRITICAL,ERROR VRB=TRACE,DEBUG INF=INFO,INFORMATION " +
	"WRN=WARN,WARNING FTL=FATAL,CRITICAL,ERROR HTTP=INFO,INFORMATION " +
	"SUCCESS=INFO,INFORMATION DEFAULT=INFO,INFORMATION ANY=ERROR,SEVERE,ERR " +
	"UNKNOWN=ERROR,SEVERE,ERR"

// DefaultScale is DEBUG 0, INFO 1, WARN 2, ALARM 6, ERROR 7, with errors from
// ALARM on. The numbers from INFO on are the ancestor's.
func DefaultScale() *Scale {
	s, err := ParseScale("", "")
	if err != nil {
		panic("parse: the default scale is refused: " + err.Error())
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
	if !ok || !isLevelName(name) {
		return fmt.Errorf("cannot read level %q: write NAME=number with letters, digits, '-' or '_' in the name, for example %s", strings.TrimSpace(part), defaultLevels)
	}
	rank, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		return fmt.Errorf("cannot read the number of level %s: %q is not a whole number; write for example %s=3", name, strings.TrimSpace(number), name)
	}
	if slices.ContainsFunc(s.levels, func(l Level) bool { return l.Name == name }) {
		return fmt.Errorf("cannot use the scale: level %s is in it twice; write each name once", name)
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

func isLevelName(name string) bool {
	if name == "" || len(name) > maxLevelName {
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
		return errors.New("cannot tell where errors begin: the scale has neither ALARM nor ERROR; name the lowest error level, one of " + s.String())
	}
	return fmt.Errorf("cannot let errors begin at %q: it is not on the scale; write one of %s", name, s)
}

// String lists the level names, lowest first: "DEBUG, INFO, WARN".
func (s *Scale) String() string {
	names := make([]string, len(s.levels))
	for i, l := range s.levels {
		names[i] = l.Name
	}
	return strings.Join(names, ", ")
}

// isAlias reports whether a name, in any case, is among the aliases.
func isAlias(name []byte) bool {
	if len(name) > maxLevelName {
		return false
	}
	upper := strings.ToUpper(string(name))
	return isLevelName(upper) && strings.Contains(aliases, " "+upper+"=")
}

// Find returns the level that a name, in any case, or one of its usual aliases
// (WARNING, CRITICAL, FATAL, …) stands for. Names on the scale go first; an
// alias is found only if a level it may stand for is on the scale.
//
//go:noinline
func (s *Scale) Find(name string) (Level, bool) {
	return find(s, name)
}

// find is Find for text that is not yet a string; it does not allocate.
func find[T ~string | ~[]byte](s *Scale, name T) (Level, bool) {
	var upper [maxLevelName]byte
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

// named is find for what loggers print for a level: in a terminal's colours, or
// as Python's name for a number that has none.
func named(s *Scale, text []byte) (Level, bool) {
	text = bytes.TrimSpace(text)
	if l, ok := find(s, text); ok {
		return l, true
	}
	if bytes.IndexByte(text, 0x1b) >= 0 && len(text) < 4*maxLevelName {
		return find(s, bytes.TrimSpace(withoutColours(text)))
	}
	const python = "Level "
	if len(text) > len(python) && len(text) < maxLevelName && bytes.EqualFold(text[:len(python)], []byte(python)) {
		if number, err := strconv.Atoi(string(text[len(python):])); err == nil {
			return pythonNumbers.level(s, float64(number))
		}
	}
	return Level{}, false
}

// Warn returns the level under which invalid lines are stored whose own level
// cannot be made out. On every scale it is named WARN: readers find them in one
// place. Its rank is that of WARN or of its alias WARNING or, on a scale with
// neither, of the highest level below the errors (of the lowest level if all are
// errors), and it is an error if that level is one.
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

// Top is the highest level.
func (s *Scale) Top() Level { return s.levels[len(s.levels)-1] }

// Info is the level for what is merely worth knowing: INFO, or on a scale
// without it the lowest level.
func (s *Scale) Info() Level {
	if level, ok := s.Find("INFO"); ok && !level.Error {
		return level
	}
	return s.levels[0]
}
