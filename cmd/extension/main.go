// Command extension is Logtable, an AWS Lambda external extension. In a layer
// it is the file extensions/logtable; Lambda starts it beside the function.
//
// It receives the lines that the function prints and writes them to two
// DynamoDB tables. See docs/settings.md for the settings, all of them
// environment variables, and docs/guarantees.md for what is promised when.
package main

import (
	"os"
	_ "time/tzdata" // minimal images have no zoneinfo

	"github.com/logtable/logtable/internal/extension"
)

func main() { os.Exit(extension.Main()) }
