package extension

import (
	"cmp"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/alert/lock"
	"github.com/logtable/logtable/internal/alert/sns"
)

// alerts wires what tells people. It uses DynamoDB's credentials, which refresh
// renews, and its HTTP client, and makes no connection.
func (e *extension) alerts(refresh func()) *agent.Alerts {
	o, cfg := e.dynamodb.Options(), &e.cfg.Alerts
	function := cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), e.env.FunctionName, "function")
	channel := &sns.Channel{
		HTTP: o.HTTPClient, Credentials: o.Credentials, Endpoint: sns.Endpoint(os.Getenv, e.warn), Refresh: refresh,
		FIPS:      o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled,
		DualStack: o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled,
	}
	locks := &lock.Table{
		Client: e.dynamodb, Name: e.cfg.InfoTable, Function: function, Window: cfg.Window, Max: cfg.Max,
		Now: time.Now, Refresh: refresh,
	}
	return &agent.Alerts{
		From: cfg.From, Allow: cfg.Allow,
		Send: alert.Config{
			Topics: cfg.Topics, Window: cfg.Window, Max: cfg.Max, Channel: channel, Lock: locks,
			Source: alert.Source{
				Function: function, Version: cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"), e.env.FunctionVersion),
				Region: o.Region, Zone: e.cfg.Zone, InfoTable: e.cfg.InfoTable, ErrorsTable: e.cfg.ErrorsTable,
			},
		},
	}
}
