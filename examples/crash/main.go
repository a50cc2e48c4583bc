// A Lambda function that logs and then takes its whole process down.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	Name string `json:"name"`
}

func handle(_ context.Context, e event) error {
	stdout := json.NewEncoder(os.Stdout)
	stdout.Encode(map[string]string{"locator": "1", "level": "INFO",
		"text": "loading the picture of " + cmp.Or(e.Name, "world")})
	stdout.Encode(map[string]string{"locator": "2", "level": "ERROR",
		"text": "out of handles: the last line before the crash"})
	os.Exit(1)
	return nil
}

func main() {
	lambda.Start(handle)
}
