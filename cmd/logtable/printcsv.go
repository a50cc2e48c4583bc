package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// printCSV prints rows as CSV (RFC 4180, but lines end with a line feed alone)
// with a line of names; no columns are the usual ones. Like printText it stops
// at the first error.
func printCSV(w io.Writer, rows iter.Seq2[shown, error], chosen []column, zone *time.Location) error {
	out := csv.NewWriter(w)
	chosen = orCSVColumns(chosen)
	err := out.Write(names(chosen))
	for row, rerr := range rows {
		if rerr != nil {
			err = rerr
			break
		}
		if err = out.Write(csvRecord(&row, chosen, zone)); err != nil {
			break
		}
		if !row.atOnce {
			continue
		}
		if out.Flush(); out.Error() != nil {
			break // which is said below
		}
	}
	out.Flush()
	if err == nil && out.Error() != nil {
		err = fmt.Errorf("cannot print: %w", out.Error())
	}
	return err
}

func orCSVColumns(chosen []column) []column {
	if len(chosen) == 0 {
		return allColumns[:csvColumns]
	}
	return chosen
}

func names(chosen []column) (all []string) {
	for _, c := range chosen {
		all = append(all, c.name)
	}
	return all
}

func csvRecord(row *shown, chosen []column, zone *time.Location) []string {
	record := make([]string, len(chosen))
	for i, c := range chosen {
		record[i] = csvCell(c.cell(row, zone))
	}
	return record
}

// csvCell makes a text a cell. Spreadsheets take one that begins with certain
// characters for a formula, which a stranger may have written: an apostrophe
// says that it is text. What is hidden is escaped, but for line breaks and
// tabs.
func csvCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		text = "'" + text
	}
	return visibleBlock(text)
}

// visibleBlock is visible for a text whose line breaks and tabs mean what they
// do.
func visibleBlock(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return visible(text)
	}
	var b strings.Builder
	for text != "" {
		i := strings.IndexAny(text, "\n\r\t")
		if i < 0 {
			i = len(text)
		}
		b.WriteString(visible(text[:i]))
		if i < len(text) {
			b.WriteByte(text[i])
			i++
		}
		text = text[i:]
	}
	return b.String()
}
