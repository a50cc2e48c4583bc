// Package build compiles the extension as the layer has it: for layer/pack, for
// `make build`, and for whatever measures or tests the real binary.
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

// Extension compiles the extension of the repository at root into the file at
// path, which must be absolute: static, without symbols. env is added to the
// environment of the Go tool.
func Extension(ctx context.Context, root, path string, env ...string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path,
		"-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags="+Tags, "./cmd/extension")
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, bytes.TrimSpace(output))
	}
	return nil
}
