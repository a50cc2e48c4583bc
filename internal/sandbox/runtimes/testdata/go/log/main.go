// Logs JSON lines through the standard library's log, which puts a time before them.
package main

import (
	"context"
	"encoding/json"
	"log"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	Name string `json:"name"`
}

func logLine(line map[string]string) {
	text, _ := json.Marshal(line)
	log.Println(string(text))
}

func handle(_ context.Context, e event) error {
	logLine(map[string]string{"locator": "1", "level": "INFO", "text": "hello " + e.Name})
	if _, err := strconv.Atoi("seven"); err != nil {
		logLine(map[string]string{"locator": "2", "level": "ERROR", "text": "cannot count the items", "exception": err.Error()})
	}
	return nil
}

func main() { lambda.Start(handle) }
