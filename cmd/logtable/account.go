package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"github.com/spf13/pflag"

	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/sdkbody"
	"github.com/logtable/logtable/internal/version"
)

// account is where the tables are.
type account struct {
	client   *dynamodb.Client
	region   string
	endpoint string // "" is AWS's own
	profile  string // whose credentials these are; "" for none
}

// accountFlags say where the tables are.
type accountFlags struct {
	region, profile, endpointURL string
	local                        bool
}

// localEndpoint is where `logtable local` has its tables.
const localEndpoint = "http://127.0.0.1:9001"

func (f *accountFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.region, "region", "", "AWS `REGION` (default: as for other AWS tools)")
	flags.StringVar(&f.profile, "profile", "", "`NAME` of the AWS profile")
	flags.StringVar(&f.endpointURL, "endpoint-url", "", "`URL` of another DynamoDB endpoint, such as a local one")
	flags.BoolVar(&f.local, "local", false, "read what runs in \"logtable local\" on this machine:\n"+
		"--endpoint-url "+localEndpoint+", without credentials")
}

// connect makes a client from the flags and, for the rest, from what every
// AWS tool goes by: the environment, the shared config files, the machine's
// role. It does not call AWS yet.
func connect(ctx context.Context, sh *shell, f *accountFlags) (*account, error) {
	if f.local {
		if f.endpointURL != "" || f.profile != "" || f.region != "" {
			return nil, usagef("--local names an endpoint that needs no account: leave out --endpoint-url, --profile " +
				"and --region")
		}
		return localAccount(), nil
	}
	if f.endpointURL != "" && !awsenv.IsEndpoint(f.endpointURL) {
		return nil, usagef("--endpoint-url %q is not a valid URL: write it as http://127.0.0.1:8000", f.endpointURL)
	}
	cfg, err := loadConfig(ctx, sh, f.region, f.profile, f.endpointURL)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" && isLoopback(f.endpointURL) {
		cfg.Region = "us-east-1"
	}
	if cfg.Region == "" {
		return nil, errors.New("no AWS region is set: use --region, set AWS_REGION, or choose a --profile that has one")
	}
	if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		// As many as read asks at once; more than the SDK keeps.
		cfg.HTTPClient = c.WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = read.AtOnce })
	}
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		if f.endpointURL != "" {
			o.BaseEndpoint = aws.String(f.endpointURL)
		}
	})
	a := &account{client: client, region: cfg.Region, endpoint: f.endpointURL, profile: f.profile}
	if a.profile == "" && sh.getenv("AWS_ACCESS_KEY_ID") == "" {
		a.profile = sh.getenv("AWS_PROFILE")
	}
	return a, nil
}

// localAccount is the tables of `logtable local`. Nothing is taken from the
// environment or from files.
func localAccount() *account {
	return &account{client: table.ClientFor(localEndpoint), region: "us-east-1", endpoint: localEndpoint}
}

// loadConfig loads what every AWS tool goes by; region and profile may be "".
func loadConfig(ctx context.Context, sh *shell, region, profile, endpointURL string) (aws.Config, error) {
	load := []func(*config.LoadOptions) error{
		config.WithAPIOptions([]func(*middleware.Stack) error{
			awsmiddleware.AddUserAgentKeyValue("logtable", version.Number()),
		}),
		config.WithLogger(logging.Nop{}), // its warnings say nothing that the error does not
	}
	if region != "" {
		load = append(load, config.WithRegion(region))
	}
	if profile != "" {
		load = append(load, config.WithSharedConfigProfile(profile))
	}
	if isLoopback(endpointURL) && profile == "" && sh.getenv("AWS_ACCESS_KEY_ID") == "" {
		// A service on this machine accepts any signature, but needs one;
		// nobody should have to find credentials for it.
		local := credentials.NewStaticCredentialsProvider("local", "local", "")
		load = append(load, config.WithCredentialsProvider(local))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return cfg, fmt.Errorf("cannot load the AWS configuration: %w", err)
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = awshttp.NewBuildableClient()
	}
	cfg.HTTPClient = sdkbody.Client{HTTP: cfg.HTTPClient}
	return cfg, nil
}

// isLoopback reports whether a URL points to this machine.
func isLoopback(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// where names the account's place for an error message.
func (a *account) where() string {
	if a.endpoint != "" {
		return "at " + a.endpoint
	}
	return "in " + a.region
}

// explain turns an error of reading into one line that says what to do next.
// What it does not know it leaves as it is.
func (a *account) explain(err error) error {
	table, price := &read.TableError{}, &read.PriceError{}
	if errors.As(err, &price) {
		return explainPrice(price)
	}
	if !errors.As(err, &table) {
		return err
	}
	return a.explainTable("read", "dynamodb:Query", table.Table, table.Err)
}

// explainTable explains what AWS answers to who reads or writes a table, which
// takes the permission.
func (a *account) explainTable(verb, permission, table string, err error) error {
	return a.explainCall(call{cannot: verb + " table " + table, permission: permission, on: table,
		missing: missingTable}, err)
}

// missingTable says what to do about a table that is not there.
const missingTable = "the table does not exist: check --region and --profile, or name it with --info-table and " +
	"--errors-table (LOGTABLE_INFO_TABLE, LOGTABLE_ERRORS_TABLE)"

// isCredentials reports whether a request was not even sent because there are
// no credentials.
func isCredentials(err error) bool {
	text := err.Error()
	return strings.Contains(text, "failed to refresh cached credentials") || strings.Contains(text, "get identity")
}

// What to do about credentials that do not do.
const (
	noCredentials = "no AWS credentials were found: log in (aws sso login, aws configure), choose a --profile, " +
		"or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	expiredCredentials = "the AWS credentials have expired: log in again (aws sso login), or choose another --profile"
	refusedCredentials = "AWS refused the credentials: check --profile and the AWS_* variables"
)

// rootCause is the text of the innermost error.
func rootCause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return oneLine(err.Error())
		}
		err = next
	}
}

func oneLine(s string) string {
	return strings.Join(strings.Fields(s), " ")
}
