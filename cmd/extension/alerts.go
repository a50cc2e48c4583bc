package main

import (
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/alert/lock"
	"github.com/logtable/logtable/internal/alert/sns"
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/extapi"
)

// alerts wires what tells people. It uses DynamoDB's credentials and its HTTP
// client, and makes no connection.
func alerts(cfg config.Config, client *dynamodb.Client, refresh func(), reg extapi.Registration, warn func(message, advice string)) *agent.Alerts {
	o := client.Options()
	name := firstOf(os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), reg.FunctionName, "function")
	return &agent.Alerts{
		From: cfg.Alerts.From, Allow: cfg.Alerts.Allow,
		Send: alert.Config{
			Topics: cfg.Alerts.Topics, Window: cfg.Alerts.Window, Max: cfg.Alerts.Max,
			Channel: &sns.Channel{
				HTTP: o.HTTPClient, Credentials: o.Credentials, Endpoint: sns.Endpoint(os.Getenv, warn), Refresh: refresh,
				FIPS:      o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled,
				DualStack: o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled,
			},
			Lock: &lock.Table{
				Client: client, Name: cfg.InfoTable, Function: name, Window: cfg.Alerts.Window, Max: cfg.Alerts.Max,
				Now: time.Now, Refresh: refresh,
			},
			Source: alert.Source{
				Function: name, Version: firstOf(os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"), reg.FunctionVersion), Region: o.Region,
				Zone: cfg.Zone, InfoTable: cfg.InfoTable, ErrorsTable: cfg.ErrorsTable,
			},
		},
	}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
