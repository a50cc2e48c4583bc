package main

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/resources"
)

// snippets are what `logtable init` prints, a file for each form.
//
//go:embed snippets
var snippets embed.FS

// forms are the ways to deploy a function, each with where AWS's ARNs get their
// partition, region and account from there.
var forms = map[string]struct{ file, partition, region, account string }{
	"sam":        {"sam.yaml", "${AWS::Partition}", "${AWS::Region}", "${AWS::AccountId}"},
	"cdk":        {"cdk.ts", "${Aws.PARTITION}", "${Aws.REGION}", "${Aws.ACCOUNT_ID}"},
	"terraform":  {"terraform.tf", "", "", ""},
	"serverless": {"serverless.yml", "${AWS::Partition}", "${AWS::Region}", "${AWS::AccountId}"},
	"cli":        {"cli.sh", "", "", ""},
}

// architectures are as Lambda calls them, each with CDK's name.
var architectures = map[string]string{"arm64": "ARM_64", "x86_64": "X86_64"}

// A snippet is what attaches Logtable to one function where that function is
// deployed. The tables and the layer are there already.
type snippet struct {
	Form         string // a key of forms
	Function     string
	Architecture string // of the function
	Region       string // "" for wherever it is deployed
	Layer        string // the ARN of a version; "" for the first one of the account
	// Tables are names or ARNs.
	InfoTable, ErrorsTable string
	Topics                 []string // ARNs
}

func newInit(sh *shell) *cobra.Command {
	info, errors := resources.InfoTable(), resources.ErrorsTable()
	s := &snippet{}
	cmd := &cobra.Command{
		Use:   "init sam|cdk|terraform|serverless|cli",
		Short: "Print what attaches Logtable to a function, for your deployment tool",
		Long: `Print what attaches Logtable to a function where the function is deployed: a SAM
template, a CDK stack, Terraform, the Serverless Framework, or a script for the
AWS CLI. It has the layer, the permissions of the function's role and, where the
defaults do not fit, the variables. Nothing is read or changed.

The tables and the layer must be there: see "logtable setup" and "logtable
publish", or the folders of layer/ in the repository, which create them in the
same five ways.`,
		Example: `  logtable init sam --function orders --arch arm64
  logtable init terraform --function orders > logtable.tf
  logtable init cli --function orders --topic arn:aws:sns:eu-central-1:123456789012:oncall | sh`,
		Args:      arguments(1, 1, "one of sam, cdk, terraform, serverless and cli"),
		ValidArgs: slices.Sorted(maps.Keys(forms)),
		RunE: func(_ *cobra.Command, args []string) error {
			s.Form = args[0]
			return s.write(sh.stdout)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&s.Function, "function", "my-function", "`NAME` of the function")
	flags.StringVar(&s.Architecture, "arch", "x86_64", "the function's `ARCHITECTURE`: arm64 or x86_64")
	flags.StringVar(&s.Region, "region", "",
		"`REGION` of the function, tables and layer\n(default where it is deployed)")
	flags.StringVar(&s.Layer, "layer", "",
		"`ARN` of the layer's version (default the first;\nterraform and cli look for the newest)")
	flags.StringVar(&s.InfoTable, "info-table", cmp.Or(sh.getenv(info.Variable), info.Name),
		"`NAME` or ARN of the informational table")
	flags.StringVar(&s.ErrorsTable, "errors-table", cmp.Or(sh.getenv(errors.Variable), errors.Name),
		"`NAME` or ARN of the errors table")
	flags.StringSliceVar(&s.Topics, "topic", nil, "`ARN` of an SNS topic for alerts; may be repeated")
	return cmd
}

var (
	functionName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	tableName    = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,255}$`)
	regionName   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
	// arnForm has no character that any of the forms would take for its own.
	arnForm = regexp.MustCompile(`^arn:[a-z-]+:[a-z]+:[a-z0-9-]*:[0-9]*:[A-Za-z0-9_./:*-]+$`)
)

// check is a usage error for what does not fit into a snippet as it is.
func (s *snippet) check() error {
	if _, known := forms[s.Form]; !known {
		return usagef("%q is not a form: write one of %s", s.Form, strings.Join(slices.Sorted(maps.Keys(forms)), ", "))
	}
	if !functionName.MatchString(s.Function) {
		return usagef("--function %q is not the name of a function: letters, digits, - and _", s.Function)
	}
	if architectures[s.Architecture] == "" {
		return usagef("--arch %q is not an architecture of Lambda: write arm64 or x86_64", s.Architecture)
	}
	if s.Region != "" && !regionName.MatchString(s.Region) {
		return usagef("--region %q is not a region: write it as eu-central-1", s.Region)
	}
	for _, arn := range append(slices.Clone(s.Topics), s.Layer) {
		if arn != "" && !arnForm.MatchString(arn) {
			return usagef("%q is not an ARN", arn)
		}
	}
	for _, table := range []string{s.InfoTable, s.ErrorsTable} {
		if !tableName.MatchString(table) && !arnForm.MatchString(table) {
			return usagef("%q is neither a table's name nor an ARN", table)
		}
	}
	return nil
}

// write prints the snippet. Its error is one of usage, or of w.
func (s *snippet) write(w io.Writer) error {
	if err := s.check(); err != nil {
		return err
	}
	file := forms[s.Form].file
	t, err := template.New(file).Funcs(template.FuncMap{
		"yaml": yaml, "json": func(v any) string { text, _ := json.Marshal(v); return string(text) },
		"width": func(names map[string]string) (n int) {
			for name := range names {
				n = max(n, len(name))
			}
			return n
		},
	}).ParseFS(snippets, "snippets/"+file)
	if err != nil {
		return fmt.Errorf("cannot read the snippet %s: %w", file, err)
	}
	return t.Execute(w, s)
}

// ID is the function's name as CloudFormation and TypeScript take names.
func (s *snippet) ID() string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(s.Function, func(r rune) bool { return r == '-' || r == '_' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return cmp.Or(strings.TrimLeft(b.String(), "0123456789"), "Function")
}

// Label is the same for Terraform.
func (s *snippet) Label() string {
	return cmp.Or(strings.TrimLeft(strings.ReplaceAll(s.Function, "-", "_"), "0123456789_"), "function")
}

// CDKArchitecture is CDK's name of the architecture.
func (s *snippet) CDKArchitecture() string { return architectures[s.Architecture] }

// LayerName is that of the architecture's layer.
func (s *snippet) LayerName() string {
	for _, l := range resources.Layers() {
		if l.Architecture == s.Architecture {
			return l.Name
		}
	}
	return ""
}

// LayerARN is the layer's version, the first one of the account by default.
func (s *snippet) LayerARN() string {
	f := forms[s.Form]
	return cmp.Or(s.Layer, fmt.Sprintf("arn:%s:lambda:%s:%s:layer:%s:1",
		f.partition, cmp.Or(s.Region, f.region), f.account, s.LayerName()))
}

// Variables are those that the function needs: none where the defaults fit.
func (s *snippet) Variables() map[string]string {
	variables := map[string]string{}
	for value, table := range map[string]resources.Table{
		s.InfoTable: resources.InfoTable(), s.ErrorsTable: resources.ErrorsTable(),
	} {
		if value != table.Name {
			variables[table.Variable] = value
		}
	}
	if len(s.Topics) > 0 {
		variables["LOGTABLE_ALERT_TOPIC_ARNS"] = strings.Join(s.Topics, ",")
	}
	return variables
}

// IsARN reports whether a table is named by its ARN.
func (*snippet) IsARN(table string) bool { return strings.HasPrefix(table, "arn:") }

// table is a table's ARN, in the form's own words.
func (s *snippet) table(name, terraform, shell string) string {
	f := forms[s.Form]
	switch {
	case s.IsARN(name):
		return name
	case s.Form == "terraform":
		return terraform
	case s.Form == "cli":
		return shell
	}
	return fmt.Sprintf("arn:%s:dynamodb:%s:%s:table/%s", f.partition, cmp.Or(s.Region, f.region), f.account, name)
}

// Policy is what the function's role needs: to write and, with topics, to alert
// about itself.
func (s *snippet) Policy() resources.Policy {
	duties := []resources.Duty{resources.Write}
	if len(s.Topics) > 0 {
		duties = append(duties, resources.Alert)
	}
	return resources.For(resources.Place{
		InfoTable:   s.table(s.InfoTable, "${data.aws_dynamodb_table.logtable_info.arn}", "$info"),
		ErrorsTable: s.table(s.ErrorsTable, "${data.aws_dynamodb_table.logtable_errors.arn}", "$errors"),
		Topics:      s.Topics, Function: s.Function,
	}, duties...)
}

// PolicyYAML is its statements as YAML, each line but the first indented.
func (s *snippet) PolicyYAML(indent int) (string, error) {
	var statements struct{ Statement any }
	if err := json.Unmarshal([]byte(s.Policy().JSON()), &statements); err != nil {
		return "", err
	}
	return strings.TrimLeft(yaml(statements.Statement, indent), "\n "), nil
}

// PolicyTS is the document for TypeScript, where a text with an expression in
// it stands between backquotes.
func (s *snippet) PolicyTS(prefix string) string {
	return regexp.MustCompile(`"([^"\n]*\$\{[^"\n]*)"`).ReplaceAllString(s.Policy().Indented(prefix), "`$1`")
}

// PolicyHCL is the document for Terraform, as `terraform fmt` writes it.
func (s *snippet) PolicyHCL(prefix string) string {
	return regexp.MustCompile(`(?m)^( *"[^"]*"):`).ReplaceAllString(s.Policy().Indented(prefix), "$1 :")
}

// yaml is a value of JSON in YAML's block form, on lines of its own. A text
// with ${…} in it is CloudFormation's !Sub.
func yaml(v any, indent int) string {
	pad := "\n" + strings.Repeat(" ", indent)
	var b strings.Builder
	switch v := v.(type) {
	case map[string]any:
		// In the order in which people write a statement.
		for _, name := range slices.SortedFunc(maps.Keys(v), byOrder) {
			b.WriteString(pad + name + ":" + yaml(v[name], indent+2))
		}
	case []any:
		for _, one := range v {
			b.WriteString(pad + "- " + strings.TrimLeft(yaml(one, indent+2), "\n "))
		}
	case string:
		quoted, _ := json.Marshal(v)
		switch {
		case strings.Contains(v, "${"):
			return " !Sub " + v
		case regexp.MustCompile(`^[A-Za-z][\w:./-]*$`).MatchString(v):
			return " " + v
		}
		return " " + string(quoted)
	}
	return b.String()
}

// byOrder puts the members of a statement into their usual order.
func byOrder(a, b string) int {
	usual := []string{"Effect", "Action", "Resource", "Condition"}
	return cmp.Or(cmp.Compare(slices.Index(usual, a), slices.Index(usual, b)), strings.Compare(a, b))
}
