package replay

import (
	"bytes"
	"encoding/json"

	"github.com/logtable/logtable/internal/signing"
)

// A stream is what is known of a log stream, which is what one environment has
// printed. It is Logtable's commitment to its key that is to be found: the
// first one, and only if the function cannot have printed it. Of that there is
// proof if the log shows no invocation before it, and shows that it would show
// one: the environment's beginning before, or an invocation's beginning behind.
//
// What a stranger has a function print comes after an invocation's beginning.
// The function's own code could forge a commitment while it is initialised,
// where the extension prints none; but it has the right to write the tables
// anyhow.
type stream struct {
	commitment string // "" if there is none that counts
	proven     bool
	invoked    bool  // an invocation was seen, or the restore of a snapshot
	began      bool  // the beginning of the environment was seen
	others     bool  // commitments that do not count were seen
	disordered bool  // times go back: the log is not in its order
	at         int64 // the last time

	key      *signing.Key // revealed; nil before
	lines    uint64       // that it signed
	closedAt uint64       // the event that revealed it
	seen     []uint64     // bits: numbers that were found
	found    uint64       // how many
}

// maxLines bounds what a stream is believed to have, which bounds seen: 2 MiB.
const maxLines = 1 << 24

// A kind is what a line of Lambda's own says.
type kind int

const (
	none      kind = iota
	beginning      // of the environment
	start          // of an invocation
	later          // something that comes after a start, or in a restored environment
)

// platform is told of a line of Lambda's own, or one that looks so.
func (s *stream) platform(k kind) {
	switch k {
	case beginning:
		s.began = s.began || !s.invoked && s.commitment == ""
	case start:
		s.proven = s.proven || s.commitment != "" && !s.invoked
		s.invoked = true
	case later:
		// The log begins in the middle of an invocation, or the environment
		// was made of a snapshot: a commitment before this is not the first
		// line.
		if s.commitment != "" && !s.invoked {
			s.commitment, s.proven, s.others = "", false, true
		}
		s.invoked = true
	}
}

// commit is told of a commitment.
func (s *stream) commit(commitment string) {
	switch {
	case s.commitment == commitment: // the same event twice
	case s.commitment == "" && !s.invoked && !s.others:
		s.commitment, s.proven = commitment, s.began
	default:
		s.others = true
	}
}

// reveal is told of a key, and believes it if it is the one committed to.
func (s *stream) reveal(secret string, lines, event uint64) {
	key, ok := signing.Parse(secret)
	if ok && s.key == nil && s.commitment != "" && key.Commitment() == s.commitment && lines <= maxLines {
		s.key, s.lines, s.closedAt = key, lines, event
		s.seen = make([]uint64, lines/64+1)
	}
}

// time is told of an event's time. What came first is certain once that
// is proven: from then on lines may have times that a function has
// made up.
func (s *stream) time(at int64) {
	if at == 0 || s.proven {
		return
	}
	s.disordered = s.disordered || at < s.at
	s.at = at
}

// judge says why a signed record is not believed, or nothing.
func (s *stream) judge(c *candidate) reason {
	switch {
	case c.mac == "":
		return unsigned
	case s.disordered:
		return disordered
	case s.commitment == "" && s.others:
		return lateCommitment
	case s.commitment == "":
		return noCommitment
	case !s.proven:
		return unproven
	case s.key == nil:
		return noKey
	case c.event > s.closedAt:
		return afterKey
	case c.number == 0 || c.number > s.lines || !c.signedWith(s.key):
		return forged
	case s.mark(c.number):
		return repeated
	}
	return ""
}

// mark notes that a number was found, and reports whether it had been before.
func (s *stream) mark(number uint64) (before bool) {
	word, bit := &s.seen[number/64], uint64(1)<<(number%64)
	if *word&bit != 0 {
		return true
	}
	*word |= bit
	s.found++
	return false
}

// missing is how many lines the process has signed that were not found.
func (s *stream) missing() int {
	if s.key == nil || !s.proven || s.disordered {
		return 0
	}
	return int(s.lines - s.found)
}

// platformLine reports whether a message is a line of Lambda's own, in either
// log format. A function can print such lines, too; but not before the first
// invocation has begun, which is all that counts.
func platformLine(message []byte) kind {
	if bytes.HasPrefix(message, []byte("{")) {
		return platformRecord(message)
	}
	word, rest, _ := bytes.Cut(message, []byte(" "))
	switch string(word) {
	case "INIT_START":
		return beginning
	case "RESTORE_START", "RESTORE_REPORT":
		return later
	case "START":
		id, version, ok := bytes.Cut(requestID(rest), []byte(" Version: "))
		if ok && isID(id) && isVersion(bytes.TrimSpace(version)) {
			return start
		}
	case "END", "REPORT":
		if id, _, _ := bytes.Cut(requestID(rest), []byte("\t")); isID(bytes.TrimSpace(id)) {
			return later
		}
	}
	return none
}

func requestID(rest []byte) []byte {
	id, ok := bytes.CutPrefix(rest, []byte("RequestId: "))
	if !ok {
		return nil
	}
	return id
}

// isID reports whether a text is a request ID: a UUID.
func isID(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && c != '-' {
			return false
		}
	}
	return len(b) == 36
}

// isVersion reports whether a text is the version of a function. It must not
// hold a word that somebody filters his log by.
func isVersion(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return string(b) == "$LATEST"
		}
	}
	return len(b) > 0
}

func platformRecord(message []byte) kind {
	if !bytes.Contains(message, []byte("platform.")) {
		return none
	}
	var record struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(message, &record) != nil {
		return none
	}
	switch record.Type {
	case "platform.initStart":
		return beginning
	case "platform.start":
		return start
	case "platform.runtimeDone", "platform.report",
		"platform.restoreStart", "platform.restoreRuntimeDone", "platform.restoreReport":
		return later
	}
	return none
}

// keyLine reads a line that belongs to a key: a commitment, or the key itself
// and how many lines it has signed.
func keyLine(message []byte) (commitment, secret string, lines uint64) {
	if !bytes.HasPrefix(message, []byte("{")) || !bytes.Contains(message, []byte(`"logtable"`)) {
		return "", "", 0
	}
	var line struct {
		Logtable   string `json:"logtable"`
		Commitment string `json:"key_sha256"`
		Secret     string `json:"key"`
		Lines      uint64 `json:"lines"`
	}
	if json.Unmarshal(message, &line) != nil || line.Logtable == "" {
		return "", "", 0
	}
	if !signing.IsCommitment(line.Commitment) {
		line.Commitment = ""
	}
	return line.Commitment, line.Secret, line.Lines
}
