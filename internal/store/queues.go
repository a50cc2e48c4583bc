package store

import "sync/atomic"

// queues are the records in memory: those that wait, by table, and an account
// of those that a writer has in hand as well. Store.mu guards them, except
// lines.
type queues struct {
	byTable [2]fifo
	bytes   int             // cost of all records that wait or are in hand
	max     int             // bound of bytes
	age     uint32          // see Store.Age
	lines   [2]atomic.Int64 // of these records, by table; may be read without the lock
}

// len is how many records wait that no writer has in hand.
func (q *queues) len() int { return q.byTable[errorsTable].len() + q.byTable[infoTable].len() }

// over reports whether more is in memory than there should be.
func (q *queues) over() bool { return q.bytes > q.max }

func (q *queues) push(r *record)      { q.byTable[tableOf(r)].push(r) }
func (q *queues) pushFirst(r *record) { q.byTable[tableOf(r)].pushFirst(r) }

// account takes a record into the account. Every record comes here once.
func (q *queues) account(r *record) {
	q.bytes += r.cost()
	q.lines[tableOf(r)].Add(int64(r.Lines()))
}

// forget takes a record out of the account: it is stored, spilled or lost, and
// leaves memory. Every record comes here once.
func (q *queues) forget(r *record) {
	q.bytes -= r.cost()
	q.lines[tableOf(r)].Add(-int64(r.Lines()))
}

// agedInMemory reports whether a record has waited since before the last call
// of Store.Age, and is nowhere but in memory.
func (q *queues) agedInMemory() bool {
	for t := range q.byTable {
		for r := range q.byTable[t].all {
			// What came from the spill may lie in front; what has waited
			// longest comes next.
			if r.onlyInMemory() {
				if r.age != q.age {
					return true
				}
				break
			}
		}
	}
	return false
}
