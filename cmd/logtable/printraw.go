package main

import (
	"bufio"
	"cmp"
	"io"
	"iter"
	"strings"
)

// printRaw prints each row's text and exception, and nothing else. For a
// terminal, what is hidden is escaped; otherwise they are as they were stored.
// Like printText it stops at the first error.
func printRaw(w io.Writer, rows iter.Seq2[shown, error], terminal bool) error {
	_, err := printEach(w, rows, func(out *bufio.Writer, row *shown) error {
		text := cmp.Or(row.Text, row.Exception)
		if row.Text != "" && row.Exception != "" {
			text += "\n" + row.Exception
		}
		if terminal {
			text = strings.Join(visibleLines(text), "\n")
		}
		out.WriteString(strings.TrimSuffix(text, "\n"))
		return out.WriteByte('\n')
	})
	return err
}
