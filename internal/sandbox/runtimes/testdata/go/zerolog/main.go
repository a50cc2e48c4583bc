// Logs through zerolog, with the caller.
package main

import (
	"context"
	"os"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/rs/zerolog"
)

type event struct {
	Name string `json:"name"`
}

var logger = zerolog.New(os.Stdout).With().Timestamp().Caller().Logger()

func handle(_ context.Context, e event) error {
	logger.Info().Int("order", 17).Msg("hello " + e.Name)
	logger.Warn().Msg("only one pear left")
	if _, err := strconv.Atoi("seven"); err != nil {
		logger.Error().Err(err).Msg("cannot count the items")
	}
	return nil
}

func main() { lambda.Start(handle) }
