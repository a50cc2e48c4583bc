// A Lambda function in Go that logs an informational line and an error.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
)

// line is what Logtable makes a row of. Further members would be kept too.
type line struct {
	Locator   string `json:"locator"` // where in the source this is
	Level     string `json:"level"`
	Text      string `json:"text,omitempty"`
	Exception string `json:"exception,omitempty"`
}

var stdout = json.NewEncoder(os.Stdout)

type event struct {
	Name string `json:"name"`
}

func handle(_ context.Context, e event) (string, error) {
	name := cmp.Or(e.Name, "world")
	stdout.Encode(line{Locator: "1", Level: "INFO", Text: "hello " + name + ", from Go"})

	if _, err := strconv.Atoi("seven"); err != nil {
		stdout.Encode(line{Locator: "2", Level: "ERROR", Text: "cannot count the items", Exception: err.Error()})
	}
	return "hello " + name, nil
}

func main() {
	lambda.Start(handle)
}
