package store

// fifo is a double-ended queue of records on a ring, so that neither end
// moves the others. The zero value is empty.
type fifo struct {
	ring []*record
	head int
	n    int
}

func (q *fifo) len() int { return q.n }

func (q *fifo) push(r *record) {
	q.grow()
	q.ring[(q.head+q.n)%len(q.ring)] = r
	q.n++
}

func (q *fifo) pushFirst(r *record) {
	q.grow()
	q.head = (q.head - 1 + len(q.ring)) % len(q.ring)
	q.ring[q.head] = r
	q.n++
}

func (q *fifo) first() *record { return q.ring[q.head] }

// all goes through the records, the first one first.
func (q *fifo) all(yield func(*record) bool) {
	for i := range q.n {
		if !yield(q.ring[(q.head+i)%len(q.ring)]) {
			return
		}
	}
}

func (q *fifo) pop() *record {
	r := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	if q.n == 0 && len(q.ring) > 1024 {
		q.ring, q.head = nil, 0 // a burst's ring is not kept for life
	}
	return r
}

func (q *fifo) popLast() *record {
	i := (q.head + q.n - 1) % len(q.ring)
	r := q.ring[i]
	q.ring[i] = nil
	q.n--
	return r
}

func (q *fifo) grow() {
	if q.n < len(q.ring) {
		return
	}
	ring := make([]*record, max(64, 2*len(q.ring)))
	for i := range q.n {
		ring[i] = q.ring[(q.head+i)%len(q.ring)]
	}
	q.ring, q.head = ring, 0
}

// remove takes out all records for which gone is true, keeping the order.
func (q *fifo) remove(gone func(*record) bool) {
	for range q.n {
		if r := q.pop(); !gone(r) {
			q.push(r)
		}
	}
}
