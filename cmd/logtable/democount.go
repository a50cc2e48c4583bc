package main

import (
	"sync"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/explain"
	"github.com/logtable/logtable/internal/extension"
)

// A demoCount is what the lines that all samples have printed are to become.
// The samples print at the same time.
type demoCount struct {
	mu  sync.Mutex
	sum checkSum // guarded by mu
}

// demoOutput reads what a sample prints.
type demoOutput struct {
	count  *demoCount
	reader *explain.Reader // guarded by count.mu
}

// newDemoOutput is for a sample with these settings.
func newDemoOutput(count *demoCount, function string, env map[string]string) *demoOutput {
	// The extension itself says what is wrong with them.
	settings, _ := config.Load(func(name string) string { return env[name] }, nil)
	o := explain.Options{Rows: extension.Rows(&settings.Lines, function, ""), Fields: settings.FieldsAsSet}
	return &demoOutput{count, explain.NewReader(o, func(r explain.Result) { count.sum.add(function, &r) })}
}

// Write takes one whole line.
func (o *demoOutput) Write(line []byte) (int, error) {
	o.count.mu.Lock()
	defer o.count.mu.Unlock()
	o.reader.Line(line)
	return len(line), nil
}

// end is for when no more lines come.
func (o *demoOutput) end() {
	if o == nil {
		return // the sample was skipped
	}
	o.count.mu.Lock()
	defer o.count.mu.Unlock()
	o.reader.Flush()
}
