// A Lambda function that logs and then hangs until Lambda stops it.
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
		"text": "asking the price service for " + cmp.Or(e.Name, "world")})
	stdout.Encode(map[string]string{"locator": "2", "level": "ERROR",
		"text": "no answer yet: the last line before the time-out"})
	select {}
}

func main() {
	lambda.Start(handle)
}
