package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
)

// attachedTag is the tag by which a function says what attach has done to it.
// What a person has set stays that person's: only what the tag names is changed
// by the next attach, and removed by detach. It is a tag and no variable, so
// that it takes nothing of the environment's 4 KB and does not reach the code.
const attachedTag = "logtable:attached"

// maxTag is how long a tag's value may be, in characters (Lambda).
const maxTag = 256

// settingPrefix begins every setting. It is left out in the tag.
const settingPrefix = "LOGTABLE_"

// An attachment is what attach did to a function.
type attachment struct {
	role  string            // whose inline policy it wrote; "" for none
	layer string            // name of the layer, if it is none of ours
	set   map[string]string // settings, with the beginning of their values' sums
}

// parseAttachment reads the tag. Words that it does not know are of a newer
// version, and nothing that this one may touch.
func parseAttachment(tag string) (m attachment) {
	m.set = map[string]string{}
	for word := range strings.FieldsSeq(tag) {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case key == "role":
			m.role = value
		case key == "layer":
			m.layer = value
		case key != "" && key == strings.ToUpper(key):
			m.set[settingPrefix+key] = value
		}
	}
	return m
}

// String is the tag's value. It holds characters only that a tag may have.
func (m attachment) String() string {
	words := []string{"role=" + cmp.Or(m.role, "-")}
	if m.layer != "" {
		words = append(words, "layer="+m.layer)
	}
	for _, name := range slices.Sorted(maps.Keys(m.set)) {
		words = append(words, strings.TrimPrefix(name, settingPrefix)+"="+m.set[name])
	}
	return strings.Join(words, " ")
}

func (m attachment) check() error {
	if len(m.String()) > maxTag {
		return errors.New("these are more settings than the tag " + attachedTag + " can name: set some another way")
	}
	return nil
}

// take notes that attach has set a variable.
func (m *attachment) take(name, value string) { m.set[name] = valueSum(value) }

// owns reports whether attach has set a variable, and nobody has changed it.
func (m attachment) owns(name, value string) bool {
	sum, set := m.set[name]
	return set && sum == valueSum(value)
}

// valueSum tells whether a value has changed. It is too short to tell what the
// value is.
func valueSum(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:2])
}
