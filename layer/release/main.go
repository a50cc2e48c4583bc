// Command release makes all that is published of a version: the layers, the
// tool for each platform, what is in them (CycloneDX), the licences of what is
// linked, and checksums. `make release VERSION=v0.1.0` runs it from the
// repository's root; RELEASE.md says what comes before and after.
//
// The same commit and Go version make the same bytes, in every folder.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/logtable/logtable/layer/build"
)

func main() {
	root := flag.String("root", ".", "the repository's root `directory`")
	out := flag.String("o", "dist", "where the files go: a `directory` that is empty or does not exist")
	number := flag.String("version", "", "the release, such as `v0.1.0`")
	cyclonedx := flag.String("cyclonedx", "", "`module@version` of the program that makes the SBOMs: see .ci/tools")
	flag.Parse()
	if flag.NArg() > 0 || *cyclonedx == "" {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *out, *number, *cyclonedx); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// number is a release's, as Go and semver.org have it.
var number = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`)

func run(ctx context.Context, root, out, version, cyclonedx string) error {
	if !number.MatchString(version) {
		return fmt.Errorf("%q is not a valid version: write VERSION=v0.1.0", version)
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	v, err := commitOf(ctx, root)
	if err != nil {
		return err
	}
	v.Number = version
	r := release{root: root, out: out, version: v, platforms: platforms, cyclonedx: cyclonedx, stdout: os.Stdout}
	return r.make(ctx)
}

// commitOf is the commit that the work tree at root holds, without a change.
func commitOf(ctx context.Context, root string) (v build.Version, err error) {
	changes, err := output(ctx, root, nil, "git", "status", "--porcelain")
	switch {
	case err != nil:
		return v, fmt.Errorf("a release is made of a commit, in a clone of the repository: %w", err)
	case changes != "":
		return v, errors.New("a release is made of a commit: commit or stash what has changed:\n" + changes)
	}
	said, err := output(ctx, root, []string{"TZ=UTC"},
		"git", "log", "-1", "--date=format-local:%Y-%m-%d", "--format=%H %cd")
	v.Commit, v.Date, _ = strings.Cut(said, " ")
	return v, err
}

// A release is one that is being made.
type release struct {
	root, out string // absolute
	version   build.Version
	platforms []platform
	cyclonedx string // module@version; "" makes no SBOM
	stdout    io.Writer

	time time.Time // of everything in an archive: the commit's day
	temp string
}

func (r *release) make(ctx context.Context) (err error) {
	if r.time, err = time.Parse(time.DateOnly, r.version.Date); err != nil {
		return fmt.Errorf("the commit's date is not a valid date: %w", err)
	}
	if there, _ := os.ReadDir(r.out); len(there) > 0 {
		return fmt.Errorf("%s is not empty: remove it, so that nothing old is published", r.out)
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	if r.temp, err = os.MkdirTemp("", "logtable-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.temp)
	layers, err := r.layers(ctx)
	if err != nil {
		return err
	}
	tools, err := r.tools(ctx)
	if err != nil {
		return err
	}
	if err := r.sboms(ctx, append(layers, tools...)); err != nil {
		return err
	}
	return r.checksums()
}

// An artefact is a file that is published, with the binary that is in it.
type artefact struct{ name, binary string }

// checksums writes SHA256SUMS, in the form that sha256sum -c takes, and prints
// what there is.
func (r *release) checksums() error {
	files, err := os.ReadDir(r.out) // sorted
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(r.out, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), f.Name())
		fmt.Fprintf(r.stdout, "%9.3f MB  %s\n", float64(len(content))/1e6, f.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// output runs a program in a directory and returns what it prints, without the
// last line feed. env is added to its environment.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	said, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err,
			strings.TrimSpace(complaint.String()))
	}
	return strings.TrimRight(string(said), "\n"), nil
}
