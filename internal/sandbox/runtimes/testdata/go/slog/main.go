// Logs through log/slog as JSON, with the caller, without a thought of Logtable.
package main

import (
	"context"
	"log/slog"
	"os"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	Name string `json:"name"`
}

var logger = slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{AddSource: true}))

func handle(_ context.Context, e event) error {
	logger.Info("hello "+e.Name, "order", 17)
	logger.Warn("only one pear left")
	if _, err := strconv.Atoi("seven"); err != nil {
		logger.Error("cannot count the items", "error", err)
	}
	return nil
}

func main() { lambda.Start(handle) }
