package parse_test

import (
	"fmt"

	"github.com/logtable/logtable/internal/parse"
)

// What a function prints reaches an extension as it is or, in the JSON log
// format, as a string in its runtime's envelope.
func Example() {
	record := `{
		"timestamp": "2026-11-22T10:52:00Z", "level": "INFO", "requestId": "6f0c1b52-2d0e",
		"message": "{\"locator\": \"42\", \"level\": \"error\", \"text\": \"not stored\", \"order\":4711}"
	}`
	parser := parse.New(parse.Options{})
	parser.Lines([]byte(record), func(line parse.Line) {
		fmt.Println("level:", line.Level.Name)
		fmt.Println("locator:", line.Locator)
		fmt.Println("text:", line.Text)
		fmt.Println("request:", line.RequestID)
		fmt.Println("fields:", line.Fields)
	})
	// Output:
	// level: ERROR
	// locator: 42
	// text: not stored
	// request: 6f0c1b52-2d0e
	// fields: {"order":4711}
}

// Lines of other loggers are taken by the names that these write.
func ExampleParseMapping() {
	mapping, err := parse.ParseMapping("pino; locator=file")
	if err != nil {
		fmt.Println(err)
		return
	}
	parser := parse.New(parse.Options{Mapping: mapping})
	parser.Lines([]byte(`{"level":50,"file":"orders.js","msg":"not stored"}`), func(line parse.Line) {
		fmt.Println(line.Level.Name, line.Locator, line.Text)
	})
	// Output: ERROR orders.js not stored
}
