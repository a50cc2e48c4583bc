package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/logtable/logtable/layer/build"
)

// A contender is an extension that is measured.
type contender struct {
	name   string
	binary string
	stores bool // it stores lines; the floor does not
}

// contenders builds the floor, the layer's binary of this source and, if there
// is a release tag before this source, that of the release. compare is the path
// of another one, or empty.
func contenders(ctx context.Context, dir, compare string) (all []contender, notes []string, err error) {
	floor := filepath.Join(dir, "floor", "floor")
	err = command(ctx, ".", []string{"CGO_ENABLED=0"}, "go", "build", "-tags", build.Tags, "-trimpath",
		"-ldflags=-s -w", "-o", floor, "./internal/sandbox/bench/floor")
	if err != nil {
		return nil, nil, err
	}
	ours := filepath.Join(dir, "ours", "logtable")
	if err := build.Extension(ctx, ".", ours, build.Version{}); err != nil {
		return nil, nil, err
	}
	all = []contender{{name: "floor", binary: floor}, {name: "logtable", binary: ours, stores: true}}
	if compare != "" {
		binary, err := another(dir, compare)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, contender{name: compare, binary: binary, stores: true})
	}
	tag, err := exec.CommandContext(ctx, "git", "describe", "--tags", "--abbrev=0", "--match", "v*").Output()
	if err != nil {
		return all, append(notes, "No previous release to compare with: the repository has no tag v*."), nil
	}
	name := strings.TrimSpace(string(tag))
	binary, err := released(ctx, dir, name)
	return append(all, contender{name: "logtable " + name, binary: binary, stores: true}), notes, err
}

// another gives a binary, whatever its name is, the name under which the layer
// registers.
func another(dir, path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	link := filepath.Join(dir, "compared", "logtable")
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return "", err
	}
	return link, os.Symlink(path, link)
}

// released builds the extension of a tag.
func released(ctx context.Context, dir, tag string) (string, error) {
	source := filepath.Join(dir, "previous")
	if err := command(ctx, ".", nil, "git", "worktree", "add", "--detach", source, tag); err != nil {
		return "", err
	}
	defer func() {
		_ = command(context.WithoutCancel(ctx), ".", nil, "git", "worktree", "remove", "--force", source)
	}()
	binary := filepath.Join(dir, "released", "logtable")
	return binary, build.Extension(ctx, source, binary, build.Version{})
}

func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("cannot run %s %s: %w", name, strings.Join(args, " "), err),
			errors.New(string(out)))
	}
	return nil
}
