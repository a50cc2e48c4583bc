package testkit

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// ForgedItem is an item in DynamoDB's JSON; values of N and B are given with
// their type.
func ForgedItem(attributes map[string][2]string) string {
	item := map[string]map[string]string{}
	for name, typed := range attributes {
		item[name] = map[string]string{typed[0]: typed[1]}
	}
	b, _ := json.Marshal(item)
	return string(b)
}

// ForgedLine is the item of one line.
func ForgedLine(n int, message string) map[string][2]string {
	return map[string][2]string{
		"date": {"S", "2026-11-22"}, "stamp_mod": {"S", fmt.Sprintf("1795300002.005%04d+m+2p4thtomb9", n)},
		"level": {"S", "INFO"}, "message": {"S", message}, "expiry": {"N", "3372141600"},
	}
}

// ForgedPack is a record as a stranger may write it, of lines with so many
// characters of noise each.
func ForgedPack(lines, noise int) []byte {
	random := rand.NewChaCha8([32]byte{})
	raw := make([]byte, noise*3/4+1)
	return ForgedPackOf(lines, func(int) string {
		_, _ = random.Read(raw)
		return base64.StdEncoding.EncodeToString(raw)
	})
}

// ForgedPackOf is a record with a pack of lines with these texts.
func ForgedPackOf(lines int, text func(i int) string) []byte {
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression)
	for i := range lines {
		fmt.Fprint(w, ForgedItem(ForgedLine(i, "INFO: (1) "+text(i))))
	}
	_ = w.Close()
	item := ForgedLine(0, fmt.Sprint(lines, " lines: x"))
	delete(item, "level")
	item["packed"] = [2]string{"B", base64.StdEncoding.EncodeToString(packed.Bytes())}
	item["lines"] = [2]string{"N", fmt.Sprint(lines)}
	return []byte(`{"table":"info","item":` + ForgedItem(item) + `}`)
}
