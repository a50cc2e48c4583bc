package awsenv

import "strings"

// Bounds of what is quoted of a denial, in bytes. An action is a service's
// prefix and a name; the longest ARNs that concern us are those of KMS aliases
// and tables, below 400.
const (
	maxAction   = 96
	maxResource = 512
)

// A Denial is what AWS says of a request that a policy refuses.
type Denial struct {
	Action   string // kms:Decrypt
	Resource string // an ARN or *; "" where AWS names none
	// Policy is the kind of policy that decided, as in "VPC endpoint policy";
	// "" where AWS does not say.
	Policy string
	// Explicit says that such a policy denies the action. Otherwise there is
	// none that allows it.
	Explicit bool
}

// kinds are the kinds of policies that AWS's messages name, in the singular.
var kinds = [...]string{
	"identity-based policy", "resource-based policy", "service control policy", "resource control policy",
	"VPC endpoint policy", "permissions boundary", "session policy",
}

// ParseDenial reads the message of an answer that denies access:
//
//	User: … is not authorized to perform: ACTION
//	[on resource: RESOURCE | on the resource …]
//	[because no POLICY allows the … action |
//	with an explicit deny in a[n] POLICY …]
//
// It takes nothing over that is not an action, a resource's name or one of the
// kinds of policies, and reports whether there is an action.
func ParseDenial(message string) (Denial, bool) {
	_, rest, found := strings.Cut(message, "is not authorized to perform: ")
	if !found {
		return Denial{}, false
	}
	var d Denial
	if d.Action, rest = word(rest); !isAction(d.Action) {
		return Denial{}, false
	}
	if named, ok := strings.CutPrefix(rest, " on resource: "); ok {
		resource, after := word(named)
		rest = after
		if isResource(resource) {
			d.Resource = resource
		}
	}
	// Instead of naming it, some services say "on the resource".
	if _, why, ok := strings.Cut(rest, " because no "); ok {
		d.Policy = kind(why)
	} else if _, why, ok := strings.Cut(rest, " with an explicit deny in "); ok {
		_, why, _ = strings.Cut(why, " ") // a, an or the
		d.Policy, d.Explicit = kind(why), true
	}
	return d, true
}

// word splits s at the first blank. A sentence's end is not a part of the word.
func word(s string) (first, rest string) {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return strings.TrimRight(s[:i], ".,;"), s[i:]
	}
	return strings.TrimRight(s, ".,;"), ""
}

// kind is the kind of policy that s begins with; "" for one that is not known.
func kind(s string) string {
	for _, name := range &kinds {
		// In "no identity-based policies allow" only the last letter differs.
		if strings.HasPrefix(s, strings.TrimSuffix(name, "y")) {
			return name
		}
	}
	return ""
}

func isAction(s string) bool {
	service, name, found := strings.Cut(s, ":")
	return found && len(s) <= maxAction && service != "" && name != "" &&
		only(service, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' }) &&
		only(name, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '*' })
}

func isResource(s string) bool {
	if s == "*" {
		return true
	}
	return strings.HasPrefix(s, "arn:aws") && len(s) <= maxResource && only(s, func(c byte) bool {
		return isLetter(c) || isDigit(c) || strings.IndexByte(":/_.-*+=@", c) >= 0
	})
}

// String is what AWS said, in short.
func (d Denial) String() string {
	b := d.Action
	if d.Resource != "" {
		b += " on " + d.Resource
	}
	switch {
	case d.Explicit && d.Policy == "":
		return b + ", explicitly denied by a policy"
	case d.Explicit:
		return b + ", explicitly denied by " + article(d.Policy)
	case d.Policy != "":
		return b + ", which no " + d.Policy + " allows"
	}
	return b
}

// OfRole reports whether a statement in the policy of the function's role is
// what is missing, as far as AWS says.
func (d Denial) OfRole() bool {
	return !d.Explicit && (d.Policy == "" || d.Policy == kinds[0])
}

// Advice says what to do.
func (d Denial) Advice() string {
	switch {
	case d.Explicit && d.Policy == "":
		return "find the policy that denies " + d.Action + ": an explicit deny overrides every allow"
	case d.Explicit:
		return "change the " + d.Policy + " that denies " + d.Action + ": an explicit deny overrides every allow"
	case !d.OfRole():
		return "also allow " + d.Action + d.on() + " in the " + d.Policy +
			": the policy of the function's role is not enough"
	case strings.HasPrefix(d.Action, "kms:"):
		return "add to the policy of the function's role: " + d.Statement() +
			"; the key's own policy must not deny it"
	}
	return "add to the policy of the function's role: " + d.Statement()
}

// Statement is the statement of a policy that allows what is denied.
func (d Denial) Statement() string {
	resource := d.Resource
	if resource == "" {
		resource = "*"
	}
	return `{"Effect":"Allow","Action":"` + d.Action + `","Resource":"` + resource + `"}`
}

func (d Denial) on() string {
	if d.Resource == "" {
		return ""
	}
	return " on " + d.Resource
}

func article(noun string) string {
	if noun[0] == 'i' {
		return "an " + noun
	}
	return "a " + noun
}
