package extension

import (
	"cmp"
	"os"
	"time"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/alert/causes"
	"github.com/logtable/logtable/internal/alert/lock"
	"github.com/logtable/logtable/internal/alert/sns"
)

// alerts wires what sends alerts. It makes no connection.
func (e *extension) alerts() *agent.Alerts {
	cfg := &e.cfg.Alerts
	function := cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), e.env.FunctionName, "function")
	locks := &lock.Table{
		Client: e.dynamodb, Name: e.cfg.InfoTable, Function: function, Window: cfg.Window, Max: cfg.Max,
		Now: time.Now, Refresh: e.aws.Refresh,
	}
	return &agent.Alerts{
		From: cfg.From, Allow: cfg.Allow,
		Send: alert.Config{
			Topics: cfg.Topics, Window: cfg.Window, Max: cfg.Max,
			Channel: sns.New(e.aws, e.warn), Lock: locks,
			Causes: &causes.Table{Client: e.dynamodb, Name: e.cfg.ErrorsTable},
			Source: alert.Source{
				Function: function, Version: cmp.Or(os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"), e.env.FunctionVersion),
				Region: e.aws.Region, Zone: e.cfg.Zone, InfoTable: e.cfg.InfoTable, ErrorsTable: e.cfg.ErrorsTable,
			},
		},
	}
}
