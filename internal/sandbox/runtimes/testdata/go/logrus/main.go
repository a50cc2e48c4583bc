// Logs through logrus as JSON.
package main

import (
	"context"
	"os"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	log "github.com/sirupsen/logrus"
)

type event struct {
	Name string `json:"name"`
}

func handle(_ context.Context, e event) error {
	log.WithField("order", 17).Info("hello " + e.Name)
	log.Warn("only one pear left")
	if _, err := strconv.Atoi("seven"); err != nil {
		log.WithError(err).Error("cannot count the items")
	}
	return nil
}

func main() {
	log.SetFormatter(&log.JSONFormatter{})
	log.SetOutput(os.Stdout)
	lambda.Start(handle)
}
