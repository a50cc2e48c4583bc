// Panics.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	Name string `json:"name"`
}

func handle(_ context.Context, e event) error {
	json.NewEncoder(os.Stdout).Encode(map[string]string{"locator": "1", "level": "INFO", "text": "hello " + e.Name})
	var stock map[string]int
	stock["pears"]++
	return nil
}

func main() { lambda.Start(handle) }
