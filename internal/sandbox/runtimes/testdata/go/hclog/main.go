// Logs through hclog as JSON, on stderr as it does by itself.
package main

import (
	"context"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/hashicorp/go-hclog"
)

type event struct {
	Name string `json:"name"`
}

var logger = hclog.New(&hclog.LoggerOptions{Name: "orders", JSONFormat: true})

func handle(_ context.Context, e event) error {
	logger.Info("hello "+e.Name, "order", 17)
	logger.Warn("only one pear left")
	if _, err := strconv.Atoi("seven"); err != nil {
		logger.Error("cannot count the items", "error", err)
	}
	return nil
}

func main() { lambda.Start(handle) }
