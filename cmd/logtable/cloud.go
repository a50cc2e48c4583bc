package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/spf13/pflag"

	"github.com/logtable/logtable/internal/awsenv"
)

// controlAttempts is how often AWS's control planes are asked before a command
// gives up: they are throttled at a few requests a second for a whole account.
const controlAttempts = 6

// cloud is an account with all that setup, publish, attach and doctor talk to.
type cloud struct {
	*account
	lambda *lambda.Client
	iam    *iam.Client
	sts    *sts.Client
	flags  string // how the user chose the account, to be repeated in commands
}

// cloudFlags say which account, and whether to ask.
type cloudFlags struct {
	accountFlags
	dryRun, yes bool
}

func (f *cloudFlags) register(flags *pflag.FlagSet, changes string) {
	flags.BoolVar(&f.dryRun, "dry-run", false, "show "+changes+", and change nothing")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	f.registerAccount(flags)
}

func (f *cloudFlags) registerAccount(flags *pflag.FlagSet) {
	f.accountFlags.register(flags)
	flags.Lookup("endpoint-url").Usage = "`URL` of another endpoint, for all services"
	flags.Lookup("local").Hidden = true // logtable local plays DynamoDB only
}

// connectCloud makes the clients. It does not call AWS yet.
func connectCloud(ctx context.Context, sh *shell, f *accountFlags) (*cloud, error) {
	a, err := connect(ctx, sh, f)
	if err != nil {
		return nil, err
	}
	cfg, err := loadConfig(ctx, sh, a.region, f.profile, f.endpointURL)
	if err != nil {
		return nil, err
	}
	if f.endpointURL != "" {
		cfg.BaseEndpoint = aws.String(f.endpointURL)
	}
	if sh.getenv("AWS_MAX_ATTEMPTS") == "" {
		cfg.RetryMaxAttempts = controlAttempts
	}
	c := &cloud{account: a, lambda: lambda.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg)}
	// The tables are the control plane's business here, too.
	c.client = dynamodb.NewFromConfig(cfg)
	for name, value := range map[string]string{"--region": f.region, "--profile": f.profile} {
		if value != "" {
			c.flags += " " + name + " " + value
		}
	}
	return c, nil
}

// A call is what was asked of AWS, for an error message.
type call struct {
	cannot     string // "read the function orders"
	permission string // that it takes; "lambda:GetFunction"
	on         string // the resource of the permission, as a person calls it
	missing    string // what to do if the resource does not exist
}

// explainCall turns what AWS answers to a call into one line that says what to
// do next.
func (a *account) explainCall(of call, err error) error {
	cannot := fmt.Sprintf("cannot %s %s: ", of.cannot, a.where())
	var api smithy.APIError
	if errors.As(err, &api) {
		return errors.New(cannot + of.explain(api))
	}
	text := oneLine(err.Error())
	switch {
	case isCredentials(err):
		return errors.New(cannot + noCredentials)
	case strings.Contains(text, "connection refused") && a.endpoint == localEndpoint:
		return errors.New(cannot + "nothing listens there: start the function with logtable local, or, if that has " +
			"another --tables-port, write --endpoint-url instead of --local")
	case strings.Contains(text, "connection refused"), strings.Contains(text, "no such host"):
		return errors.New(cannot + "no connection: check --region, --endpoint-url and the network (" +
			rootCause(err) + ")")
	}
	return errors.New(cannot + text)
}

func (of call) explain(api smithy.APIError) string {
	code, message := api.ErrorCode(), oneLine(api.ErrorMessage())
	class := awsenv.Classify(code, message)
	if code == "NoSuchEntity" { // IAM's word
		class = awsenv.Missing
	}
	switch {
	case class == awsenv.Missing && of.missing != "":
		return of.missing
	case class == awsenv.Denied:
		return "access denied: allow " + of.permission + " on " + of.on + ", or choose another --profile (" + message +
			")"
	case class == awsenv.Expired:
		return expiredCredentials
	case class == awsenv.BadSignature:
		return refusedCredentials + " (" + message + ")"
	case class == awsenv.Throttled:
		service, _, _ := strings.Cut(of.permission, ":")
		return serviceNames[service] + " is throttling requests: try again later" + of.less() + " (" + code + ")"
	}
	return code + ": " + message
}

// serviceNames are by the prefixes of their actions.
var serviceNames = map[string]string{"dynamodb": "DynamoDB", "lambda": "Lambda", "iam": "IAM", "sts": "STS"}

// less is advice for who reads or writes rows.
func (of call) less() string {
	switch of.permission {
	case "dynamodb:Query", "dynamodb:PutItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem":
		return ", or with less data at a time"
	}
	return ""
}

// code is the error code of AWS's answer; "" for what is none.
func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// identity is the account's ID.
func (c *cloud) identity(ctx context.Context) (string, error) {
	out, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", c.explainCall(call{cannot: "find out whose credentials these are",
			permission: "sts:GetCallerIdentity", on: "*"}, err)
	}
	return aws.ToString(out.Account), nil
}

// confirmed asks whether to go on; with --yes it does not. An error says that
// nothing is to be done.
func (f *cloudFlags) confirmed(ctx context.Context, sh *shell, question string) error {
	switch {
	case f.yes:
		return nil
	case f.dryRun:
		return errDryRun
	case !sh.asks():
		return usagef("nobody can be asked here: look at the changes with --dry-run, then repeat with --yes")
	case sh.ask(ctx, question):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errors.New("nothing was changed")
}

// errDryRun ends a command that was only to show what it would do.
var errDryRun = errors.New("dry run")

// dryRunIsFine is nil for errDryRun, after it has said so.
func dryRunIsFine(sh *shell, err error) error {
	if errors.Is(err, errDryRun) {
		fmt.Fprintln(sh.stdout, "\nDry run: nothing was changed.")
		return nil
	}
	return err
}
