package parse

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
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
	roles    [roles][]string
	numbers  *numbering
	envelope bool   // `message` counts in a runtime's envelope, too
	sign     string // members, separated by commas, that only the logger has, no runtime's envelope
	presets  []preset
	silent   string // a member of lines that leave out the level when it is information
}

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

// preset is a logger's Mapping as its users would write it, and what cannot be
// written.
type preset struct {
	name    string
	names   [roles]string
	numbers *numbering
	sign    string
	silent  string
	lambda  bool // it is the runtimes' envelope itself
}

// presets are the loggers that are known by name. README has the same table.
//
// The names are those of the loggers' documents: Powertools for AWS Lambda
// (Python, TypeScript, Java, .NET), pino 9, log/slog's JSONHandler, zap's
// production encoder, Log4j 2's JsonLayout and JsonTemplateLayout (JsonLayout,
// LogstashJsonEventLayoutV1 and Gelf templates), Serilog's compact and standard
// JSON formatters, the Elastic Common Schema, and OpenTelemetry's log data
// model. lambda is the JSON log format of AWS's own runtimes.
var presets = [...]preset{
	{
		name: "powertools",
		// .NET's own JSON names begin with capitals where it is told to.
		names: [roles]string{roleLocator: "location,Location,service,Service", roleLevel: "Level", roleText: "message,Message",
			roleException: "exception,error,Exception,err", roleRequestID: "FunctionRequestId,functionRequestId"},
		numbers: pythonNumbers, sign: "service,Service",
	},
	{
		name:    "pino",
		names:   [roles]string{roleLocator: "caller,name", roleText: "msg", roleException: "err,error"},
		numbers: pinoNumbers,
	},
	{
		name:    "slog",
		names:   [roles]string{roleLocator: "source,logger", roleText: "msg", roleException: "error,err"},
		numbers: slogNumbers,
	},
	{
		name:    "zap",
		names:   [roles]string{roleLocator: "caller,logger", roleText: "msg", roleException: "error,errorVerbose,stacktrace"},
		numbers: zapNumbers,
	},
	{
		name: "log4j2",
		names: [roles]string{roleLocator: "source,loggerName,logger_name,logger,_logger", roleText: "message,short_message",
			roleException: "thrown,stack_trace", roleRequestID: "contextMap.AWSRequestId,mdc.AWSRequestId"},
		numbers: log4jNumbers, sign: "loggerName,logger_name",
	},
	{
		name: "serilog",
		names: [roles]string{roleLocator: "SourceContext,Properties.SourceContext", roleLevel: "@l,Level",
			roleText: "@m,@mt,RenderedMessage,MessageTemplate", roleException: "@x,Exception"},
		numbers: dotnetNumbers, silent: "@t",
	},
	{
		name: "ecs",
		names: [roles]string{roleLocator: "log.origin.file,log.origin.function,log.logger", roleLevel: "log.level", roleText: "message",
			roleException: "error", roleRequestID: "faas.execution"},
		numbers: syslogNumbers,
	},
	{
		name: "otel",
		names: [roles]string{
			roleLocator:   "attributes.code,Attributes.code,instrumentationScope.name,InstrumentationScope.Name,scope.name",
			roleLevel:     "severityText,severity_text,SeverityText,severityNumber,severity_number,SeverityNumber",
			roleText:      "body.stringValue,body,Body",
			roleException: "attributes.exception,Attributes.exception",
			roleRequestID: "attributes.faas.invocation_id,Attributes.faas.invocation_id"},
		numbers: otelNumbers,
	},
	{
		name:   "lambda",
		names:  [roles]string{roleLocator: "location,logger", roleText: "message", roleException: "errorType+errorMessage+stackTrace"},
		lambda: true,
	},
}

// A numbering says what a logger's numbers mean.
type numbering struct {
	steps []step
	exact bool // numbers between and beyond the steps mean nothing
	// If it is not 0, fractions, and numbers below the first step and above
	// this one mean nothing.
	most float64
}

// A step is the level that begins at a number.
type step struct {
	from float64
	name string
}

// The numbers that loggers print for levels. A number between two means the
// lower one.
var (
	// pino's and Bunyan's documents.
	pinoNumbers = &numbering{steps: []step{{10, "TRACE"}, {20, "DEBUG"}, {30, "INFO"}, {40, "WARN"}, {50, "ERROR"}, {60, "FATAL"}}}
	// Python's logging.
	pythonNumbers = &numbering{steps: []step{{0, "TRACE"}, {10, "DEBUG"}, {20, "INFO"}, {30, "WARN"}, {40, "ERROR"}, {50, "CRITICAL"}}}
	// Go's log/slog, whose names carry a difference: INFO+2.
	slogNumbers = &numbering{steps: []step{{-8, "TRACE"}, {-4, "DEBUG"}, {0, "INFO"}, {4, "WARN"}, {8, "ERROR"}}}
	// zapcore.Level.
	zapNumbers = &numbering{exact: true, steps: []step{{-1, "DEBUG"}, {0, "INFO"}, {1, "WARN"}, {2, "ERROR"}, {3, "DPANIC"}, {4, "PANIC"}, {5, "FATAL"}}}
	// RFC 5424, section 6.2.1.
	syslogNumbers = &numbering{exact: true, steps: syslogSteps}
	// Log4j's GELF template prints syslog's numbers; 100 to 600 are its own.
	log4jNumbers = &numbering{exact: true, steps: []step{{100, "FATAL"}, {200, "ERROR"}, {300, "WARN"}, {400, "INFO"}, {500, "DEBUG"}, {600, "TRACE"},
		{0, "EMERG"}, {1, "ALERT"}, {2, "CRIT"}, {3, "ERR"}, {4, "WARNING"}, {5, "NOTICE"}, {6, "INFO"}, {7, "DEBUG"}}}
	// Microsoft.Extensions.Logging.LogLevel; Serilog's own numbers agree.
	dotnetNumbers = &numbering{exact: true, steps: []step{{0, "TRACE"}, {1, "DEBUG"}, {2, "INFORMATION"}, {3, "WARNING"}, {4, "ERROR"}, {5, "CRITICAL"}}}
	// The log data model's SeverityNumber: four to a name, 0 for none told.
	otelNumbers = &numbering{most: 24, steps: []step{{0, "INFO"}, {1, "TRACE"}, {5, "DEBUG"}, {9, "INFO"}, {13, "WARN"}, {17, "ERROR"}, {21, "FATAL"}}}

	syslogSteps = []step{{0, "EMERG"}, {1, "ALERT"}, {2, "CRIT"}, {3, "ERR"}, {4, "WARNING"}, {5, "NOTICE"}, {6, "INFO"}, {7, "DEBUG"}}
)

// name returns the name of the level that a number means.
func (n *numbering) name(number float64) (string, bool) {
	if n.most != 0 && (number < n.steps[0].from || number > n.most || number != math.Trunc(number)) {
		return "", false
	}
	for i := len(n.steps) - 1; i >= 0; i-- {
		if s := n.steps[i]; number == s.from || !n.exact && number > s.from {
			return s.name, true
		}
	}
	if n.exact {
		return "", false
	}
	return n.steps[0].name, true
}

// ParseMapping reads a Mapping from a setting: parts separated by semicolons,
// each a preset (powertools, pino, slog, zap, log4j2, serilog, ecs, otel,
// lambda) or `role=name,name,…` with a role out of locator, level, text,
// exception, module and request_id. A name with dots is a member in an object,
// or one that is printed with the dots.
//
// Names that are written out go before those of presets, an earlier preset goes
// before a later one, and the first of them that a line has is taken; of
// exceptions, all. Numbers for levels mean what they mean to the preset by whose
// names the line is recognised, without one they are those of the scale. An empty setting, or
// "off", is nil: our own names only. The error says what to write instead.
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
		case own:
			if err := m.own(strings.TrimSpace(name), names); err != nil {
				return nil, err
			}
		default:
			k := slices.IndexFunc(presets[:], func(p preset) bool { return strings.EqualFold(p.name, part) })
			if k < 0 {
				return nil, fmt.Errorf("cannot read %q: write role=name,name or one of the presets %s", part, presetNames())
			}
			chosen = append(chosen, presets[k])
		}
		found = true
	}
	if !found {
		return nil, errors.New("it has neither a preset nor a name; write for example pino, or text=message")
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
		return fmt.Errorf("cannot map onto %q: write one of %s before the sign =", name, strings.Join(roleNames[:], ", "))
	}
	for _, n := range strings.Split(names, ",") {
		n = strings.TrimSpace(n)
		switch {
		case n == "":
			return fmt.Errorf("cannot read the names for %s: one is empty; write for example %s=a,b", name, name)
		case len(n) > maxNameBytes || strings.Count(n, ".") >= maxSteps || strings.Contains(n, "="):
			return fmt.Errorf("cannot use the name %.40q for %s: write at most %d bytes, at most %d dots, and a semicolon before the next role", n, name, maxNameBytes, maxSteps-1)
		case len(m.roles[r]) == maxNames:
			return fmt.Errorf("cannot use that many names for %s: write at most %d", name, maxNames)
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
	if m.numbers == nil {
		m.numbers = p.numbers
	}
	m.sign = strings.Trim(m.sign+","+p.sign, ",")
	if m.silent == "" {
		m.silent = p.silent
	}
	m.envelope = m.envelope || p.lambda
}

// level returns the level that a number means, or a name that numbers has.
func (m *Mapping) level(s *Scale, text string, numbers *numbering) (Level, bool) {
	if text == "" || len(text) > maxLevelName {
		return Level{}, false
	}
	if text == "UNDEFINED" { // Java's LambdaLogger without a level
		return s.Find("INFORMATION")
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		return numbers.level(s, number)
	}
	if numbers == slogNumbers {
		return slogLevel(s, text)
	}
	if last := len(text) - 1; numbers == otelNumbers && text[last] >= '2' && text[last] <= '4' { // INFO2, as the data model displays them
		return find(s, text[:last])
	}
	return Level{}, false
}

// level returns the level that a number means; without a numbering it is one of
// the scale's own.
func (n *numbering) level(s *Scale, number float64) (Level, bool) {
	if n != nil {
		name, ok := n.name(number)
		if !ok {
			return Level{}, false
		}
		return s.Find(name)
	}
	for _, l := range s.levels {
		if float64(l.Rank) == number {
			return l, true
		}
	}
	return Level{}, false
}

// slogLevel reads what slog prints for levels between the named ones: INFO+2.
func slogLevel(s *Scale, text string) (Level, bool) {
	i := strings.IndexAny(text, "+-")
	if i < 0 {
		return Level{}, false
	}
	more, err := strconv.Atoi(text[i:])
	for _, base := range slogNumbers.steps {
		if err == nil && base.name == text[:i] {
			name, _ := slogNumbers.name(base.from + float64(more))
			return s.Find(name)
		}
	}
	return Level{}, false
}
