package read

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row"
)

// Filter says which rows are wanted. Each member leaves out the rows that do
// not have what it says; empty ones leave out nothing.
type Filter struct {
	Levels []string // level names, in any case; a row needs one of them

	// Locators and Modules are patterns, in which * stands for any characters
	// and ? for one; a row needs to match one of them.
	Locators, Modules []string

	RequestID string // or the beginning of one
	TextFilter
	Fields []FieldTest // a row needs to pass all of them

	// RequestIDs are whole ones, and TraceIDs are 32 lower-case hexadecimal
	// digits; a row needs one of them, a trace's as trace_id or trace_id_line.
	// At most MaxIDs of each.
	RequestIDs, TraceIDs []string

	TenantID  string
	Execution string // <name>/<id>
	Version   string // of the function's code, which rows of the errors table have
}

// MaxIDs is how many operands DynamoDB's IN takes.
const MaxIDs = 100

// keep reports whether a row is wanted. It decides; the filter that DynamoDB is
// given only saves carrying rows that keep would drop, and lets through the
// ones it cannot judge.
func (o *Options) keep(r *Row) bool {
	switch {
	case !r.Expiry.IsZero() && !r.Expiry.After(o.Now):
		return false
	case r.StampMod < stampBound(o.From), r.StampMod > stampBound(o.To):
		return false // of a pack that reaches into the span, or out of it
	}
	return o.line(r) && o.links(r) && o.Found(r) && !o.excluded(r) && fieldsPass(o.Filter.Fields, r.Fields)
}

// line is what keep asks of what the function has logged, but for its text.
func (f *Filter) line(r *Row) bool {
	return (len(f.Levels) == 0 || slices.Contains(f.Levels, strings.ToUpper(r.Level))) &&
		(len(f.Locators) == 0 || MatchPattern(f.Locators, r.Locator)) &&
		(len(f.Modules) == 0 || MatchPattern(f.Modules, r.Module))
}

// links is what keep asks of what the row belongs to.
func (f *Filter) links(r *Row) bool {
	return strings.HasPrefix(r.RequestID, f.RequestID) &&
		(len(f.RequestIDs) == 0 || slices.Contains(f.RequestIDs, r.RequestID)) &&
		(len(f.TraceIDs) == 0 || slices.Contains(f.TraceIDs, r.TraceID) ||
			slices.Contains(f.TraceIDs, r.TraceIDLine)) &&
		(f.TenantID == "" || r.TenantID == f.TenantID) &&
		(f.Execution == "" || r.Execution == f.Execution) &&
		(f.Version == "" || r.Version == f.Version)
}

// expression collects the parts of a Query request. Names are always aliased:
// date, level and others are reserved words.
type expression struct {
	names  map[string]string
	values map[string]types.AttributeValue
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: map[string]types.AttributeValue{}}
}

func (e *expression) name(attribute string) string {
	alias := "#" + attribute
	e.names[alias] = attribute
	return alias
}

func (e *expression) value(v types.AttributeValue) string {
	alias := ":v" + strconv.Itoa(len(e.values))
	e.values[alias] = v
	return alias
}

func (e *expression) text(s string) string {
	return e.value(&types.AttributeValueMemberS{Value: s})
}

// filter is the FilterExpression: what DynamoDB can judge of keep. The module
// is in the sort key, which a filter may not mention. few is that more than
// expired rows is filtered out, by whomever.
func (e *expression) filter(o *Options) (filter string, few bool) {
	expiry := e.name(row.AttrExpiry)
	now := e.value(&types.AttributeValueMemberN{Value: strconv.FormatInt(o.Now.Unix(), 10)})
	alive := fmt.Sprintf("(attribute_not_exists(%s) OR %s > %s)", expiry, expiry, now)
	var parts []string
	if len(o.Levels) > 0 {
		parts = append(parts, e.levels(o.Levels))
	}
	if locators := e.locators(o.Locators); locators != "" {
		parts = append(parts, locators)
	}
	parts = append(parts, e.links(o)...)
	parts = append(parts, e.textFilter(&o.TextFilter)...)
	for i := range o.Filter.Fields {
		parts = append(parts, e.field(&o.Filter.Fields[i]))
	}
	if len(parts) == 0 {
		return alive, o.leavesOut()
	}
	// What is in a pack only keep can see.
	return fmt.Sprintf("%s AND (attribute_exists(%s) OR %s)",
		alive, e.name(row.AttrPacked), strings.Join(parts, " AND ")), true
}

// leavesOut reports whether the filter leaves out rows that DynamoDB cannot
// judge at all.
func (f *Filter) leavesOut() bool {
	return len(f.Modules) > 0 || len(f.Locators) > 0 || f.IgnoreCase && f.Contains != "" || f.Match != nil
}

// levels lets through the rows of these levels, and the ancestor's, which have
// their level in the message only.
func (e *expression) levels(levels []string) string {
	var begins []string
	for _, level := range levels {
		begins = append(begins, fmt.Sprintf("begins_with(%s, %s)", e.name(row.AttrMessage), e.text(level+": ")))
	}
	name := e.name(row.AttrLevel)
	return fmt.Sprintf("(%s OR (attribute_not_exists(%s) AND (%s)))",
		e.in(name, levels), name, strings.Join(begins, " OR "))
}

// links are the parts for what a row belongs to.
func (e *expression) links(o *Options) (parts []string) {
	if o.RequestID != "" {
		parts = append(parts, fmt.Sprintf("begins_with(%s, %s)", e.name(row.AttrRequestID), e.text(o.RequestID)))
	}
	if len(o.RequestIDs) > 0 {
		parts = append(parts, e.in(e.name(row.AttrRequestID), o.RequestIDs))
	}
	if len(o.TraceIDs) > 0 {
		parts = append(parts, "("+e.in(e.name(row.AttrTraceID), o.TraceIDs)+" OR "+
			e.in(e.name(row.AttrTraceIDLine), o.TraceIDs)+")")
	}
	if o.TenantID != "" {
		parts = append(parts, e.name(row.AttrTenantID)+" = "+e.text(o.TenantID))
	}
	if o.Execution != "" {
		parts = append(parts, e.name(row.AttrExecution)+" = "+e.text(o.Execution))
	}
	if o.Version != "" {
		parts = append(parts, e.name(row.AttrVersion)+" = "+e.text(o.Version))
	}
	return parts
}

// in asks whether an attribute is one of a few texts.
func (e *expression) in(name string, texts []string) string {
	values := make([]string, len(texts))
	for i, text := range texts {
		values[i] = e.text(text)
	}
	return name + " IN (" + strings.Join(values, ", ") + ")"
}

// locators lets through the rows of these locators, and the ancestor's that may
// have one of them. It is empty if every row may.
func (e *expression) locators(patterns []string) string {
	for _, pattern := range patterns {
		if prefix, _ := patternPrefix(pattern); prefix == "" {
			return ""
		}
	}
	var parts []string
	for _, pattern := range patterns {
		name := e.name(row.AttrLocator)
		prefix, all := patternPrefix(pattern)
		test, inMessage := "begins_with(%s, %s)", ": ("+prefix
		if all {
			test, inMessage = "%s = %s", ": ("+prefix+")"
		}
		parts = append(parts, fmt.Sprintf(test+" OR (attribute_not_exists(%s) AND contains(%s, %s))",
			name, e.text(prefix), name, e.name(row.AttrMessage), e.text(inMessage)))
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// queryInput asks one table for one partition's rows.
func queryInput(o *Options, table, date string) *dynamodb.QueryInput {
	from, to := o.From, o.To
	if o.packs(table) {
		from, to = from.Add(-row.PackSpan), to.Add(packDisorder)
	}
	return keysInput(o, table, date, from, to)
}

// keysInput asks for the items of one partition whose keys are of that time.
func keysInput(o *Options, table, date string, from, to time.Time) *dynamodb.QueryInput {
	e := newExpression()
	key := fmt.Sprintf("%s = %s AND %s BETWEEN %s AND %s",
		e.name(row.AttrDate), e.text(date),
		e.name(row.AttrStampMod), e.text(stampBound(from)), e.text(stampBound(to)))
	filter, few := e.filter(o)
	forward := !o.NewestFirst
	in := &dynamodb.QueryInput{
		TableName:                 &table,
		KeyConditionExpression:    &key,
		FilterExpression:          &filter,
		ExpressionAttributeNames:  e.names,
		ExpressionAttributeValues: e.values,
		ScanIndexForward:          &forward,
	}
	if o.Limit > 0 && o.Limit <= 1000 && !few {
		// Limit counts before the filter: with a selective one, small pages
		// would mean many calls for few rows.
		limit := int32(o.Limit)
		in.Limit = &limit
	}
	return in
}

// packDisorder is how much later than its earliest line a pack's key may be:
// layers before that of today packed lines of one second in the order in which
// they came.
const packDisorder = time.Second

// packs reports whether a table can hold packs: errors have an item each.
func (o *Options) packs(table string) bool { return table != o.ErrorsTable || table == o.InfoTable }
