// The last of three functions that tell one story: it takes parcels from a
// queue and ships them. The message names the trace of the order, because the
// queue has started a new one for this function.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

type parcel struct {
	Order   int    `json:"order"`
	TraceID string `json:"trace_id"`
}

// line is what Logtable makes a row of.
type line struct {
	Locator   string `json:"locator"`
	Level     string `json:"level"`
	Text      string `json:"text"`
	Exception string `json:"exception,omitempty"`
	parcel
}

var stdout = json.NewEncoder(os.Stdout)

func ship(parcel) error { return errors.New("no carrier on Sundays") }

func handle(_ context.Context, e events.SQSEvent) error {
	for _, message := range e.Records {
		var p parcel
		if err := json.Unmarshal([]byte(message.Body), &p); err != nil {
			return err
		}
		stdout.Encode(line{Locator: "1", Level: "INFO", Text: "parcel packed", parcel: p})
		if err := ship(p); err != nil {
			stdout.Encode(line{Locator: "2", Level: "ERROR", Text: "cannot ship", Exception: err.Error(), parcel: p})
		}
	}
	return nil
}

func main() {
	lambda.Start(handle)
}
