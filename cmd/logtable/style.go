package main

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// textStyle is how rows are printed for people.
type textStyle struct {
	color   bool
	width   int            // of the terminal, in columns; 0 = do not break lines
	zone    *time.Location // in which times and dates are shown; nil = UTC
	verbose bool           // request and environment ID, key, table, expiry too
	story   bool           // whose a row is stands above it; the time since the first beside it
	columns []column       // one line a row, with these; nil is all that a row has

	// marks finds what is to be seen in a line; nil is nothing.
	marks func(line string) [][]int
}

// styleFor returns the style that suits w: colour and line breaks only if it
// is a terminal. color is auto, always or never.
func styleFor(w io.Writer, color string, getenv func(string) string) textStyle {
	var style textStyle
	if o, ok := w.(*output); ok {
		w = o.Writer
	}
	terminal := isTerminal(w)
	if terminal {
		if width, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil {
			style.width = width
		}
	}
	switch color {
	case "always":
		style.color = true
	case "auto": // NO_COLOR as in no-color.org
		style.color = terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	}
	return style
}

// SGR codes: what rows are coloured with.
const (
	sgrBold   = "1"
	sgrDim    = "2"
	sgrCyan   = "36"
	sgrYellow = "33"
	sgrRed    = "31"
	sgrAlert  = "1;97;41" // bold white on red
)

func (s textStyle) paint(sgr, text string) string {
	if !s.color || sgr == "" || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

func levelColor(row *shown) string {
	switch {
	case row.Error:
		return sgrAlert
	case row.Level == "WARN":
		return sgrYellow
	case row.Level == "DEBUG":
		return sgrDim
	}
	return ""
}

func textColor(row *shown) string {
	switch {
	case row.beside:
		return sgrDim
	case row.Error:
		return sgrBold
	case row.Level == "DEBUG":
		return sgrDim
	}
	return ""
}

func exceptionColor(row *shown) string {
	if row.Error && !row.beside {
		return sgrRed
	}
	return ""
}
