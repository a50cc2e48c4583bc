package parse

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/logtable/logtable/internal/level"
)

// A Mapping says under which names other loggers write what a line of ours has
// under its own, so that their lines are taken as they are. It is immutable.
//
// With a mapping an object is a line if it has a level and a text, or a level
// and an exception, under our own or a mapped name. Our own names go first,
// and a name whose value does not fit its role is passed over. Members that are
// not used stay in the line's Fields.
//
// A runtime's envelope (see the package) is a line only if `message` was mapped
// onto text by name or by the preset lambda, or if it has the member by which
// the preset powertools knows its own.
type Mapping struct {
	roles         [roles]names
	numbers       level.Numbering
	envelope      bool   // `message` counts in a runtime's envelope, too
	signature     string // members, separated by commas, that only the logger has, no runtime's envelope
	presets       []preset
	leavesOutInfo string // a member of lines that leave out the level when it is information
	bare          bool   // `message` counts where the envelope has no request id, too

	auto       bool         // a line of a logger that is recognised is read by that one's names
	written    [roles]names // with auto: the names that were written out
	recognised bool         // it is one logger's, for its lines
}

type names []string

// A role is what a member of a line is.
type role uint8

const (
	roleLocator role = iota
	roleLevel
	roleText
	roleException
	roleModule
	roleRequestID
	roles
)

// roleNames are our own names of the roles, as settings use them.
var roleNames = [roles]string{"locator", "level", "text", "exception", "module", "request_id"}

// Bounds of a mapping: every line is searched for each name.
const (
	maxNames     = 32 // a role
	maxNameBytes = 128
	maxSteps     = 4 // the parts of a name with dots
)

// ParseMapping reads a Mapping from a setting: parts separated by semicolons,
// each a preset (powertools, pino, slog, zap, log4j2, serilog, ecs, otel,
// lambda) or `role=name,name,…` with a role out of locator, level, text,
// exception, module and request_id. A name with dots is a member in an object,
// or one that is printed with the dots.
//
// Names that are written out go before those of presets, an earlier preset goes
// before a later one, and the first of them that a line has is taken; of
// exceptions, all. Numbers for levels mean what they mean to the preset by
// whose names the line is recognised, without one they are those of the scale.
// An empty setting, or "off", is nil: our own names only. The error says what
// to write instead.
func ParseMapping(setting string) (*Mapping, error) {
	setting = strings.TrimSpace(setting)
	if setting == "" || strings.EqualFold(setting, "off") {
		return nil, nil
	}
	m := &Mapping{}
	var chosen []preset
	found := false
	for _, part := range strings.Split(setting, ";") {
		part = strings.TrimSpace(part)
		name, names, own := strings.Cut(part, "=")
		switch {
		case part == "": // a semicolon at the end
			continue
		case strings.EqualFold(part, "auto"):
			m.auto = true
		case own:
			if err := m.own(strings.TrimSpace(name), names); err != nil {
				return nil, err
			}
		default:
			k := slices.IndexFunc(presets[:], func(p preset) bool { return strings.EqualFold(p.name, part) })
			if k < 0 {
				return nil, fmt.Errorf("cannot read %q: write auto, role=name,name or one of the presets %s",
					part, presetNames())
			}
			chosen = append(chosen, presets[k])
		}
		found = true
	}
	if !found {
		return nil, errors.New("it has neither a preset nor a name; write, for example, auto, pino or text=message")
	}
	if m.auto {
		m.written = m.roles // appending to either leaves the other as it is
		for r := range m.written {
			m.written[r] = slices.Clip(m.written[r])
			m.roles[r] = m.written[r]
		}
	}
	for _, p := range chosen {
		m.add(p)
	}
	return m, nil
}

// presetNames lists the presets' names.
func presetNames() string {
	names := make([]string, len(presets))
	for i := range presets {
		names[i] = presets[i].name
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// own adds the names that a user has written for a role.
func (m *Mapping) own(name, names string) error {
	r := role(slices.Index(roleNames[:], strings.ToLower(name)))
	if r >= roles { // -1 as well
		return fmt.Errorf("cannot map to %q: write one of %s before the equals sign",
			name, strings.Join(roleNames[:], ", "))
	}
	for _, n := range strings.Split(names, ",") {
		n = strings.TrimSpace(n)
		switch {
		case n == "":
			return fmt.Errorf("cannot read the names for %s: one is empty; write, for example, %s=a,b", name, name)
		case len(n) > maxNameBytes || strings.Count(n, ".") >= maxSteps || strings.Contains(n, "="):
			return fmt.Errorf("cannot use the name %.40q for %s: write at most %d bytes, at most %d dots, "+
				"and a semicolon before the next role", n, name, maxNameBytes, maxSteps-1)
		case len(m.roles[r]) == maxNames:
			return fmt.Errorf("too many names for %s: write at most %d", name, maxNames)
		}
		if !slices.Contains(m.roles[r], n) && n != roleNames[r] {
			m.roles[r] = append(m.roles[r], n)
		}
		m.envelope = m.envelope || r == roleText && n == "message"
	}
	return nil
}

// add adds a preset's names behind those that are there.
func (m *Mapping) add(p preset) {
	m.presets = append(m.presets, p)
	for r, names := range p.names {
		for _, n := range strings.Split(names, ",") {
			if n != "" && !slices.Contains(m.roles[r], n) {
				m.roles[r] = append(m.roles[r], n)
			}
		}
	}
	if m.numbers == level.Ranks {
		m.numbers = p.numbers
	}
	m.signature = strings.Trim(m.signature+","+p.signature, ",")
	if m.leavesOutInfo == "" {
		m.leavesOutInfo = p.leavesOutInfo
	}
	m.envelope = m.envelope || p.lambda
	m.bare = m.bare || p.bare
}

// isEmpty reports whether a mapping has no names.
func (m *Mapping) isEmpty() bool {
	for _, names := range m.roles {
		if len(names) > 0 {
			return false
		}
	}
	return len(m.presets) == 0
}
