package table

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"sort"
	"strings"
	"time"
)

// keyAttribute is one attribute of a table's key.
type keyAttribute struct {
	name string
	typ  string // S, N or B
}

// entry is a stored item with what is computed once. Both are never changed
// after they are stored: an update replaces the entry.
type entry struct {
	sort Value // zero in a table without a sort key
	item Item
	size int
}

// partition holds the items of one partition key in the order of their sort
// keys. Log lines arrive almost in that order, so an insertion moves few
// entries; in random order it moves half of them.
type partition struct {
	key     Value
	digest  [sha256.Size]byte
	entries []*entry
	bucket  bucket
}

// tableData is one table. The server's mutex guards it.
type tableData struct {
	name       string
	hash       keyAttribute
	sort       *keyAttribute // nil: the partition key is the whole key
	partitions map[string]*partition

	created    time.Time
	definition createTable
	ttl        timeToLive
	ttlChanged time.Time
}

// find returns where the item of this sort key is or belongs.
func (p *partition) find(sortKey Value) (at int, found bool) {
	if n := len(p.entries); n > 0 && compareValues(p.entries[n-1].sort, sortKey) < 0 {
		return n, false
	}
	return sort.Find(len(p.entries), func(i int) int {
		return compareValues(sortKey, p.entries[i].sort)
	})
}

func (t *tableData) keyAttributes() []keyAttribute {
	if t.sort == nil {
		return []keyAttribute{t.hash}
	}
	return []keyAttribute{t.hash, *t.sort}
}

func (t *tableData) isKey(name string) bool {
	return name == t.hash.name || t.sort != nil && name == t.sort.name
}

// keyOf returns the attributes of the item that make its key.
func (t *tableData) keyOf(it Item) Item {
	key := Item{}
	for _, attribute := range t.keyAttributes() {
		key[attribute.name] = it[attribute.name]
	}
	return key
}

func (t *tableData) sortOf(it Item) Value {
	if t.sort == nil {
		return Value{}
	}
	return it[t.sort.name]
}

// identity is a string that is equal for equal keys only.
func (t *tableData) identity(it Item) string {
	return it[t.hash.name].Text + "\x00" + t.sortOf(it).Text
}

// get returns the entry with the key of it, or nil.
func (t *tableData) get(it Item) *entry {
	p := t.partitions[it[t.hash.name].Text]
	if p == nil {
		return nil
	}
	at, found := p.find(t.sortOf(it))
	if !found {
		return nil
	}
	return p.entries[at]
}

func newPartition(key Value) *partition {
	return &partition{key: key, digest: sha256.Sum256([]byte(key.Text))}
}

// partitionOf returns the item's partition, made if need be.
func (t *tableData) partitionOf(it Item) *partition {
	key := it[t.hash.name]
	p := t.partitions[key.Text]
	if p == nil {
		p = newPartition(key)
		t.partitions[key.Text] = p
	}
	return p
}

// put stores the item and returns the entry that it replaced, or nil.
func (t *tableData) put(it Item) (old *entry) {
	p := t.partitionOf(it)
	e := &entry{sort: t.sortOf(it), item: it, size: it.Size()}
	at, found := p.find(e.sort)
	if found {
		old, p.entries[at] = p.entries[at], e
		return old
	}
	p.entries = slices.Insert(p.entries, at, e)
	return nil
}

// remove deletes the item with the key of it and returns its entry, or nil.
func (t *tableData) remove(it Item) *entry {
	p := t.partitions[it[t.hash.name].Text]
	if p == nil {
		return nil
	}
	at, found := p.find(t.sortOf(it))
	if !found {
		return nil
	}
	old := p.entries[at]
	p.entries = slices.Delete(p.entries, at, at+1)
	return old
}

// scanOrder returns the partitions in the order of a digest of their keys: as
// in DynamoDB, a Scan's order is stable and means nothing.
func (t *tableData) scanOrder() []*partition {
	all := make([]*partition, 0, len(t.partitions))
	for _, p := range t.partitions {
		all = append(all, p)
	}
	slices.SortFunc(all, comparePartitions)
	return all
}

func comparePartitions(a, b *partition) int {
	return cmp.Or(bytes.Compare(a.digest[:], b.digest[:]), strings.Compare(a.key.Text, b.key.Text))
}

// sorted returns all items ordered by partition key, then by sort key.
func (t *tableData) sorted() []Item {
	all := t.scanOrder()
	slices.SortFunc(all, func(a, b *partition) int { return compareValues(a.key, b.key) })
	var items []Item
	for _, p := range all {
		for _, e := range p.entries {
			items = append(items, e.item)
		}
	}
	return items
}

// bucket is the token bucket of one partition key's write units.
type bucket struct {
	units float64
	at    time.Time
}

// take spends units if at least one is left at now; like DynamoDB's, the
// bucket may be overdrawn by one large item.
func (b *bucket) take(units int, perSecond int, now time.Time) bool {
	limit := float64(perSecond)
	if b.at.IsZero() {
		b.units = limit
	} else {
		b.units = min(limit, b.units+limit*now.Sub(b.at).Seconds())
	}
	b.at = now
	if b.units < 1 {
		return false
	}
	b.units -= float64(units)
	return true
}
