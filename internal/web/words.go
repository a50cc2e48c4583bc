package web

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/logtable/logtable/internal/read"
)

// words are those of a request for rows: of the box, and the span of time that
// the page shows, unless the box names one.
func words(values url.Values) ([]string, error) {
	box, err := split(values.Get("q"))
	if err != nil {
		return nil, Usage(err)
	}
	// They come first: a flag of the box that lacks its value must not take one
	// of them for it.
	var words []string
	if !named(box, "since", "from", "to") {
		for _, name := range []string{"since", "from", "to"} {
			if value := values.Get(name); value != "" {
				words = append(words, "--"+name+"="+value)
			}
		}
	}
	for _, name := range []string{"errors", "info"} {
		if values.Get(name) != "" {
			words = append(words, "--"+name)
		}
	}
	return append(words, box...), nil
}

// named reports whether one of the flags is among the words.
func named(words []string, flags ...string) bool {
	for _, word := range words {
		name, _, _ := strings.Cut(word, "=")
		for _, flag := range flags {
			if name == "--"+flag {
				return true
			}
		}
	}
	return false
}

// A word is parts without a space between: plain ones, what stands in quotation
// marks, and a character behind a backslash.
const part = `[^\s'"\\]+|'[^']*'|"(?:[^"\\]|\\.)*"|\\.`

var (
	wordPattern = regexp.MustCompile(`(?s)(?:` + part + `)+`)
	partPattern = regexp.MustCompile(`(?s)` + part)
	escaped     = regexp.MustCompile(`(?s)\\(.)`)
)

// split takes a line apart as a shell does.
func split(line string) (words []string, err error) {
	if strings.TrimSpace(wordPattern.ReplaceAllString(line, "")) != "" {
		return nil, errors.New("a quotation mark is not closed, or a backslash stands last")
	}
	for _, word := range wordPattern.FindAllString(line, -1) {
		words = append(words, partPattern.ReplaceAllStringFunc(word, func(part string) string {
			switch part[0] {
			case '\'':
				return strings.Trim(part, "'")
			case '"':
				part = part[1 : len(part)-1]
			}
			return escaped.ReplaceAllString(part, "$1")
		}))
	}
	return words, nil
}

// reader is what a request reads with, within the bound that it allows: that of
// the command, or more if the person at the page has said so.
func (s *Server) reader(r *http.Request) (*read.Client, *read.Meter, error) {
	client, meter, err := s.Tables.Reader(r.Context())
	if err != nil {
		return nil, nil, err
	}
	units := s.About.Units
	if n, err := strconv.Atoi(r.URL.Query().Get("units")); err == nil && units > 0 {
		units = max(units, n)
	}
	client.Budget = &read.Budget{Meter: meter, Units: float64(units)}
	return client, meter, nil
}
