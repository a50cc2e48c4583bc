// Logs through zap's production logger, on stderr, with a stack for each error.
package main

import (
	"context"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/zap"
)

type event struct {
	Name string `json:"name"`
}

var logger = zap.Must(zap.NewProduction())

func handle(_ context.Context, e event) error {
	logger.Info("hello "+e.Name, zap.Int("order", 17))
	logger.Warn("only one pear left")
	if _, err := strconv.Atoi("seven"); err != nil {
		logger.Error("cannot count the items", zap.Error(err))
	}
	return nil
}

func main() { lambda.Start(handle) }
