package config

import (
	"path/filepath"
	"strconv"
	"strings"
)

const maxDefaultBuffer = 64 << 20

func (l *loader) storage(s *Storage) {
	buffer := defaultBuffer(l.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	problems := len(l.problems)
	s.BufferBytes = l.bytes(BufferBytes, buffer, 64<<10, 1<<30, "4MB")
	s.BufferAlone = s.BufferBytes
	if strings.TrimSpace(l.getenv(BufferBytes)) == "" || len(l.problems) > problems {
		s.BufferAlone = min(4*buffer, maxDefaultBuffer)
	}
	s.SpillDir = l.directory(SpillDir, "/tmp/logtable")
	s.SpillBytes = l.bytes(SpillBytes, -1, 0, 1<<40, "64MB")
	s.LastResortBytes = l.bytes(LastResort, 1<<20, 0, 64<<20, "1MB")
}

// defaultBuffer is a 64th of the function's memory (given in MB), at least 2
// MiB and at most 64 MiB: the more waits in memory, the less the function has
// of it.
func defaultBuffer(memoryMB string) int {
	mb, err := strconv.Atoi(memoryMB)
	if err != nil {
		mb = 128
	}
	return min(max(mb, 128)<<20/64, maxDefaultBuffer)
}

// bytes reads a number of bytes, or of KB, MB or GB (of 1,024), as 16MB.
func (l *loader) bytes(variable string, fallback, least, most int, example string) int {
	v := strings.TrimSpace(l.getenv(variable))
	if v == "" {
		return fallback
	}
	upper := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(v), "IB"), "B")
	shift := 0
	for unit, by := range map[string]int{"K": 10, "M": 20, "G": 30} {
		if digits, ok := strings.CutSuffix(upper, unit); ok {
			upper, shift = digits, by
		}
	}
	n, err := strconv.Atoi(strings.TrimSpace(upper))
	if err == nil && n >= 0 && n <= most>>shift && n<<shift >= least {
		return n << shift
	}
	instead := size(fallback)
	if fallback < 0 {
		instead = "the smaller of 64MB and a quarter of what is free"
	}
	l.refuse(variable, v, "is not a size from "+size(least)+" to "+size(most), instead, "write, for example, "+
		variable+"="+example)
	return fallback
}

// size is a number of bytes as people write it.
func size(n int) string {
	for _, unit := range []string{"", "KB", "MB"} {
		if n == 0 || n%1024 != 0 {
			return strconv.Itoa(n) + unit
		}
		n /= 1024
	}
	return strconv.Itoa(n) + "GB"
}

// directory reads an absolute path.
func (l *loader) directory(variable, fallback string) string {
	v := strings.TrimSpace(l.getenv(variable))
	switch {
	case v == "":
		return fallback
	case strings.HasPrefix(v, "/") && filepath.Clean(v) != "/" && !strings.ContainsRune(v, 0):
		return filepath.Clean(v)
	}
	l.refuse(variable, v, "is not the absolute path of a directory", fallback,
		"write, for example, "+variable+"="+fallback)
	return fallback
}
