// Package resources says what Logtable has in an AWS account: two tables, a
// layer for each architecture, and one policy for each duty. It is the one
// place where that is written down in Go: `logtable setup`, `publish`, `attach`
// and `doctor` create and check what it says, and tests hold the template and
// every other form of infrastructure to it.
package resources

import (
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/row"
)

// The keys of both tables are strings.
const (
	PartitionKey = row.AttrDate
	SortKey      = row.AttrStampMod
)

// A Table is one of the two tables. Both are on demand.
type Table struct {
	Name     string // by default
	Variable string // the setting that names it
	// TTL is the attribute by which rows expire; "" for a table whose rows
	// stay.
	TTL string
	// Deletion protection and point-in-time recovery are for what nobody can
	// write again.
	DeletionProtection, PointInTimeRecovery bool
	// MaxWriteUnits bounds a new table's write units a second, so that a
	// runaway loop cannot run up a bill. One partition takes 1,000.
	MaxWriteUnits int64
}

// InfoTable holds informational rows, which expire.
func InfoTable() Table {
	return Table{Name: config.DefaultInfoTable, Variable: config.InfoTable, TTL: row.AttrExpiry,
		MaxWriteUnits: 1000}
}

// ErrorsTable holds errors, which stay until somebody deletes them.
func ErrorsTable() Table {
	return Table{Name: config.DefaultErrorsTable, Variable: config.ErrorsTable, DeletionProtection: true,
		PointInTimeRecovery: true, MaxWriteUnits: 200}
}

// A Layer is the layer of an architecture.
type Layer struct {
	Architecture string // as Lambda calls it
	Name         string // of the layer
	Zip          string // the file that is released
}

// Layers are those that there are.
func Layers() []Layer {
	return []Layer{
		{Architecture: "arm64", Name: "logtable-arm64", Zip: "logtable-layer-arm64.zip"},
		{Architecture: "x86_64", Name: "logtable-x86_64", Zip: "logtable-layer-x86_64.zip"},
	}
}

// LayerFor is the layer for an architecture, and whether there is one.
func LayerFor(architecture string) (Layer, bool) {
	for _, l := range Layers() {
		if l.Architecture == architecture {
			return l, true
		}
	}
	return Layer{}, false
}

// LayerDescription and LayerLicense are what every version of a layer says of
// itself; a description may go on with the version.
const (
	LayerDescription = "Writes a function's JSON log lines to two DynamoDB tables"
	LayerLicense     = "MIT"
)
