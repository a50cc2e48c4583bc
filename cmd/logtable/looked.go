package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/logtable/logtable/internal/read"
)

const (
	// maxLooked bounds the file of what is known of a table, in bytes.
	maxLooked = 64 << 10
	// maxLookedDays is how many days are kept there: the newest.
	maxLookedDays = 1000
)

// lookedFiles keep what looking for the shards of tables has shown, in a file
// for each table. What cannot be read is not known; what cannot be written is
// looked at again.
type lookedFiles struct {
	dir   string
	place string // what tells apart tables of one name
}

// lookedFile is the content of a file.
type lookedFile struct {
	Table   string         `json:"table"` // for people
	At      time.Time      `json:"at"`
	Present int            `json:"present"`
	Days    map[string]int `json:"days"`
}

// reader reads the account's tables, and remembers which are sharded.
func (a *account) reader(ctx context.Context) *read.Client {
	client, _ := a.metered(ctx)
	return client
}

// metered is reader, with the sum of what it reads.
func (a *account) metered(ctx context.Context) (*read.Client, *read.Meter) {
	meter := read.NewMeter(a.client)
	client := read.New(meter)
	client.Memory = a.memory(ctx)
	return client, meter
}

// memory returns where the account's tables are remembered; nil if the user has
// no place for it, or it is not known whose tables they are.
func (a *account) memory(ctx context.Context) read.Memory {
	cache, err := os.UserCacheDir()
	owner := a.owner(ctx)
	if err != nil || owner == "" {
		return nil
	}
	return lookedFiles{filepath.Join(cache, "logtable"), a.region + " " + owner}
}

// owner is whose tables these are, as far as can be told without a call: the
// endpoint's, else the account's. Where that is not known, the profile or the
// access key stand for it.
func (a *account) owner(ctx context.Context) string {
	if a.endpoint != "" {
		return "endpoint " + a.endpoint
	}
	options := a.client.Options()
	if options.BaseEndpoint != nil {
		return "endpoint " + *options.BaseEndpoint
	}
	if options.Credentials == nil {
		return ""
	}
	credentials, err := options.Credentials.Retrieve(ctx)
	switch {
	case err != nil:
		return "" // which the query will say
	case credentials.AccountID != "":
		return "account " + credentials.AccountID
	case a.profile != "":
		return "profile " + a.profile
	}
	return "key " + credentials.AccessKeyID
}

// path is the file of a table. Its name says nothing to others.
func (l lookedFiles) path(table string) string {
	sum := sha256.Sum256([]byte(l.place + "\n" + table))
	return filepath.Join(l.dir, fmt.Sprintf("shards-%x.json", sum[:8]))
}

// Recall reads what is known of a table.
func (l lookedFiles) Recall(table string) read.Looked {
	file, err := os.Open(l.path(table))
	if err != nil {
		return read.Looked{}
	}
	defer file.Close()
	var known lookedFile
	text, err := io.ReadAll(io.LimitReader(file, maxLooked))
	if err != nil || json.Unmarshal(text, &known) != nil || known.Table != table {
		return read.Looked{}
	}
	return read.Looked{At: known.At, Present: known.Present, Days: known.Days}
}

// Remember replaces what is known of a table, at once or not at all.
func (l lookedFiles) Remember(table string, looked read.Looked) {
	days := slices.Sorted(maps.Keys(looked.Days))
	known := lookedFile{Table: table, At: looked.At, Present: looked.Present, Days: map[string]int{}}
	for _, day := range days[max(0, len(days)-maxLookedDays):] {
		known.Days[day] = looked.Days[day]
	}
	text, err := json.Marshal(known)
	if err != nil || os.MkdirAll(l.dir, 0o700) != nil {
		return
	}
	file, err := os.CreateTemp(l.dir, ".shards-")
	if err != nil {
		return
	}
	_, err = file.Write(text)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), l.path(table))
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
}
