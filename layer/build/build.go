// Package build compiles the extension as the layer has it, and the tool as it
// is released: for layer/pack, layer/release, `make build`, and for whatever
// measures or tests the real binary.
package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
)

// Tags are the build tags of the extension. Without HTTP/2, which neither
// Lambda's APIs nor DynamoDB speak to it, it is smaller.
const Tags = "nethttpomithttp2"

// A Version is what a binary says of itself: see internal/version. The zero
// Version is that of no release.
type Version struct {
	Number string // such as v0.1.0
	Commit string // the whole hash
	Date   string // of the commit, as 2006-01-02
}

// linked are the linker's flags that write the version into a binary.
func (v Version) linked() (flags string) {
	const variables = "github.com/logtable/logtable/internal/version."
	number := v.Number
	if number != "" {
		number = "logtable=" + number + ";" // see internal/version
	}
	for _, set := range [][2]string{{"number", number}, {"commit", v.Commit}, {"date", v.Date}} {
		if set[1] != "" {
			flags += " -X " + variables + set[0] + "=" + set[1]
		}
	}
	return flags
}

// Extension compiles the extension of the repository at root into the file at
// path, which must be absolute: static, without symbols. Of the version it has
// the number only. env is added to the environment of the Go tool.
func Extension(ctx context.Context, root, path string, v Version, env ...string) error {
	return compile(ctx, root, env, "-o", path, "-ldflags=-s -w -buildid="+Version{Number: v.Number}.linked(),
		"-tags="+Tags, "./cmd/extension")
}

// Tool compiles the command-line tool, as Extension does the extension.
func Tool(ctx context.Context, root, path string, v Version, env ...string) error {
	return compile(ctx, root, env, "-o", path, "-ldflags=-s -w -buildid="+v.linked(), "./cmd/logtable")
}

func compile(ctx context.Context, root string, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-buildvcs=false"}, args...)...)
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, bytes.TrimSpace(output))
	}
	return nil
}

// For is the Go tool's environment for what is released: all that changes the
// bytes is said here, so that what a developer has set for other work does not.
func For(goos, goarch string) []string {
	return []string{
		"GOOS=" + goos,
		"GOARCH=" + goarch,
		"CGO_ENABLED=0",
		"GOAMD64=v1",   // Lambda says nothing of its x86_64 processors
		"GOARM64=v8.0", // Graviton2 is v8.2; Go gains nothing from saying so
		"GOFLAGS=-mod=readonly",
		"GOEXPERIMENT=",
		"GOFIPS140=off",
		"GOWORK=off",
	}
}
