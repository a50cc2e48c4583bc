package diag

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A Level says how bad it is what a line says.
type Level string

// The levels have the names that log/slog gives them.
const (
	Info  Level = "INFO"
	Warn  Level = "WARN"
	Error Level = "ERROR"
)

// appendLine appends what log/slog's JSONHandler would write, which links
// encoding/json: 4 % of the layer. args are names, each with its value.
func appendLine(b []byte, now time.Time, level Level, message string, args []any) []byte {
	b = now.AppendFormat(append(b, `{"time":"`...), time.RFC3339Nano)
	b = append(append(b, `","level":"`...), level...)
	// The member's name marks the line as ours among the function's.
	b = appendQuote(append(b, `","logtable":`...), message)
	for i := 0; i+1 < len(args); i += 2 {
		b = appendQuote(append(b, ','), args[i])
		b = append(b, ':')
		if n, ok := args[i+1].(int); ok {
			b = strconv.AppendInt(b, int64(n), 10)
		} else {
			b = appendQuote(b, args[i+1])
		}
	}
	return append(b, "}\n"...)
}

func appendQuote(b []byte, v any) []byte {
	b, _ = jsontext.AppendQuote(b, fmt.Sprint(v)) // invalid UTF-8 is replaced
	return b
}
