package table

import "slices"

// capacity is one table's ConsumedCapacity.
type capacity struct {
	TableName     string
	CapacityUnits float64
	Table         *tableCapacity `json:",omitzero"`
}

type tableCapacity struct{ CapacityUnits float64 }

// consumed is what a request reports if it asked for it (TOTAL or INDEXES);
// nil if not.
func consumed(asked, table string, units float64) (*capacity, error) {
	switch asked {
	case "", "NONE":
		return nil, nil
	case "TOTAL":
		return &capacity{TableName: table, CapacityUnits: units}, nil
	case "INDEXES":
		return &capacity{TableName: table, CapacityUnits: units, Table: &tableCapacity{units}}, nil
	}
	return nil, invalid("1 validation error detected: Value '%s' at 'returnConsumedCapacity' failed to satisfy "+
		"constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]", asked)
}

// writeUnits rounds up to whole KB, and an item that was not there still
// costs one.
func writeUnits(sizes ...int) int {
	return max(1, (slices.Max(sizes)+1023)/1024)
}

// readUnits is the price of reading so many bytes: one unit each 4 KB, half
// without strong consistency.
func readUnits(size int, consistent bool) float64 {
	units := float64(max(1, (size+4095)/4096))
	if !consistent {
		units /= 2
	}
	return units
}

func (c *capacity) add(units float64) {
	c.CapacityUnits += units
	if c.Table != nil {
		c.Table.CapacityUnits += units
	}
}
