package resources

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/logtable/logtable/internal/row"
)

// A Duty is what somebody may do with the tables.
type Duty string

// The duties. Each is the name of its policy, too.
const (
	Write   Duty = "WritePolicy"   // the layer: writes rows
	Alert   Duty = "AlertPolicy"   // the layer, beside Write: sends alerts
	Read    Duty = "ReadPolicy"    // people: query, tail, show, stats, errors, export
	Replay  Duty = "ReplayPolicy"  // people: replay, import
	Resolve Duty = "ResolvePolicy" // people, beside Read: resolve, ignore, reopen
	Delete  Duty = "DeletePolicy"  // people, beside both: resolve --delete
)

// Duties are all of them.
func Duties() []Duty { return []Duty{Write, Alert, Read, Replay, Resolve, Delete} }

// A Place is what policies are about.
type Place struct {
	InfoTable, ErrorsTable string   // ARNs of tables
	Topics                 []string // ARNs of alerts' topics, which may hold *
	// Function is the one whose items alerts may touch; "" for those of all.
	Function string
	// Keys are ARNs of the KMS keys of one's own that the tables are encrypted
	// with.
	Keys []string
}

// A Policy is a policy document.
type Policy struct {
	Version   string
	Statement []Statement
}

// A Statement allows actions. There is nothing that denies.
type Statement struct {
	Effect    string
	Action    OneOrMore
	Resource  OneOrMore
	Condition map[string]map[string]OneOrMore `json:",omitempty"`
}

// Words is the statement in short, for people: actions, and names of resources.
func (s Statement) Words() string {
	var on []string
	for _, arn := range s.Resource {
		parts := strings.SplitN(arn, ":", 6)
		on = append(on, strings.TrimPrefix(parts[len(parts)-1], "table/"))
	}
	return strings.Join(s.Action, ", ") + " on " + strings.Join(on, ", ")
}

// OneOrMore is written as a string where it is one.
type OneOrMore []string

// MarshalJSON implements json.Marshaler.
func (m OneOrMore) MarshalJSON() ([]byte, error) {
	if len(m) == 1 {
		return json.Marshal(m[0])
	}
	return json.Marshal([]string(m))
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *OneOrMore) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte("[")) {
		return json.Unmarshal(text, (*[]string)(m))
	}
	*m = make(OneOrMore, 1)
	return json.Unmarshal(text, &(*m)[0])
}

// Leading keys of what is in the tables: rows' begin with the year, so that 20*
// is all days and nothing else; the items by which alerts agree; what people
// have said of a cause of errors.
const (
	days   = "20*"
	alerts = "alert#"
	causes = "cause#*"
)

// For is the policy for one or more duties at a place.
//
// ForAllValues holds for a request that names no key, too. That opens nothing
// here: each action that has the condition names its key in every request.
func For(at Place, duties ...Duty) Policy {
	p := Policy{Version: "2012-10-17"}
	for _, duty := range duties {
		p.Statement = append(p.Statement, statements(at, duty)...)
	}
	if len(at.Keys) > 0 {
		p.Statement = append(p.Statement, allow([]string{"kms:Decrypt"}, at.Keys))
	}
	return p
}

func statements(at Place, duty Duty) []Statement {
	both := []string{at.InfoTable, at.ErrorsTable}
	info, errors := both[:1], both[1:]
	switch duty {
	case Write:
		return []Statement{allow([]string{"dynamodb:BatchWriteItem"}, both, days, row.ShardsDate)}
	case Alert:
		key := alerts + "*"
		if at.Function != "" {
			key = alerts + at.Function + "#*"
		}
		return []Statement{
			allow([]string{"sns:Publish"}, at.Topics),
			allow([]string{"dynamodb:UpdateItem"}, info, key),
			allow([]string{"dynamodb:GetItem"}, errors, causes),
		}
	case Read:
		return []Statement{allow([]string{"dynamodb:Query"}, both)}
	case Replay:
		return []Statement{allow([]string{"dynamodb:PutItem"}, both, days, row.ShardsDate)}
	case Resolve:
		return []Statement{allow([]string{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem",
			"dynamodb:Query"}, errors, causes)}
	case Delete:
		return []Statement{allow([]string{"dynamodb:DeleteItem"}, errors, days)}
	}
	panic("resources: no duty is " + string(duty))
}

// allow is a statement for actions on resources, and on items under these keys
// only.
func allow(actions, resources []string, keys ...string) Statement {
	s := Statement{Effect: "Allow", Action: actions, Resource: resources}
	if len(keys) > 0 {
		s.Condition = map[string]map[string]OneOrMore{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
	}
	return s
}

// JSON is the document as IAM takes it.
func (p Policy) JSON() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings, lists and maps of strings
	}
	return string(text)
}

// Indented is the same for people; each line but the first begins with prefix.
func (p Policy) Indented(prefix string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(p.JSON()), prefix, "  "); err != nil {
		panic(err) // it was written a moment ago
	}
	return b.String()
}
