package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/testkit"
	"github.com/logtable/logtable/layer/build"
)

var released = build.Version{
	Number: "v1.2.3-test", Commit: "0123456789abcdef0123456789abcdef01234567", Date: "2026-11-26",
}

// made makes a release of the source at root, for this machine and for Windows:
// all six platforms take a machine of CI minutes.
func made(t *testing.T, root, cyclonedx string) (dir string) {
	t.Helper()
	r := release{root: root, out: filepath.Join(t.TempDir(), "dist"), version: released, cyclonedx: cyclonedx,
		platforms: []platform{{runtime.GOOS, runtime.GOOS, runtime.GOARCH, runtime.GOARCH},
			{"windows", "windows", "x86_64", "amd64"}},
		stdout: io.Discard}
	if err := r.make(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.out
}

// cyclonedx is the program that makes the SBOMs.
func cyclonedx(t *testing.T) string {
	t.Helper()
	tools, err := os.ReadFile("../../.ci/tools")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^CYCLONEDX=(.+)$`).FindSubmatch(tools)
	if m == nil {
		t.Fatal(".ci/tools has no CYCLONEDX")
	}
	_, err = output(t.Context(), ".", nil, "go", "run", string(m[1]), "version")
	testkit.Component(t, "cyclonedx-gomod (comes through the module proxy)", err)
	return string(m[1])
}

// The release is made in two directories, the second time with settings that
// would change what the Go tool and the archives do.
func TestReleaseIsTheSameBytesEverywhere(t *testing.T) {
	testkit.Slow(t)
	tool := cyclonedx(t)
	here, elsewhere := t.TempDir(), t.TempDir()
	testkit.CopySource(t, filepath.Join("..", ".."), here)
	testkit.CopySource(t, here, elsewhere)
	first := made(t, here, tool)
	t.Setenv("CGO_ENABLED", "1")
	t.Setenv("GOFLAGS", "-tags=netgo")
	t.Setenv("TZ", "Asia/Tokyo")
	second := made(t, elsewhere, tool)

	own := "logtable-v1.2.3-test-" + runtime.GOOS + "-" + runtime.GOARCH + ".tar.gz"
	windows := "logtable-v1.2.3-test-windows-x86_64.zip"
	want := []string{"SHA256SUMS", "THIRD_PARTY_LICENSES.txt"}
	for _, name := range []string{"logtable-layer-arm64.zip", "logtable-layer-x86_64.zip", own, windows} {
		want = append(want, name, name+".cdx.json")
	}
	slices.Sort(want)
	files := contents(t, first)
	var sums strings.Builder
	for _, name := range want {
		again, err := os.ReadFile(filepath.Join(second, name))
		if err != nil || !bytes.Equal(files[name], again) {
			t.Errorf("%s differs between two releases of the same source (%v)", name, err)
		}
		if name != "SHA256SUMS" {
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(files[name]), name)
		}
	}
	if len(files) != len(want) || string(files["SHA256SUMS"]) != sums.String() {
		t.Errorf("%d files, want %d; SHA256SUMS:\n%s\nwant:\n%s", len(files), len(want), files["SHA256SUMS"], &sums)
	}
	checkTool(t, unpackedTar(t, files[own]), files[own+".cdx.json"], "logtable")
	checkTool(t, unpackedZip(t, files[windows]), files[windows+".cdx.json"], "logtable.exe")
	checkSBOM(t, files["logtable-layer-arm64.zip.cdx.json"],
		unpackedZip(t, files["logtable-layer-arm64.zip"])["extensions/logtable"])
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if all[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkTool looks at the files of an archive of the tool.
func checkTool(t *testing.T, files map[string][]byte, sbom []byte, binary string) {
	t.Helper()
	for _, name := range []string{binary, "LICENSE", "THIRD_PARTY_LICENSES.txt", "completions/logtable.bash",
		"completions/_logtable", "completions/logtable.fish", "completions/logtable.ps1"} {
		if len(files[name]) < 1000 {
			t.Errorf("%s of %s is missing or has %d bytes", name, binary, len(files[name]))
		}
	}
	checkSBOM(t, sbom, files[binary])
	licences := string(files["THIRD_PARTY_LICENSES.txt"])
	info, err := buildinfo.Read(bytes.NewReader(files[binary]))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if !strings.Contains(licences, m.Path+" "+m.Version+"\n") {
			t.Errorf("%s links %s, whose licence is not there", binary, m.Path)
		}
	}
	if !strings.Contains(licences, "Go's standard library go1.") || strings.Contains(licences, "google/go-cmp") {
		t.Error("the licences are not those of what is linked")
	}
	if filepath.Ext(binary) == ".exe" {
		return
	}
	path := filepath.Join(t.TempDir(), binary)
	if err := write(path, files[binary]); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(path, "version").Output()
	if err != nil || !strings.HasPrefix(string(said), "logtable v1.2.3-test (commit 0123456789ab, 2026-11-26) go1.") {
		t.Errorf("the tool says %q: %v", said, err)
	}
}

// checkSBOM holds an SBOM to CycloneDX's required members, and to what the
// binary says that it links.
func checkSBOM(t *testing.T, sbom, binary []byte) {
	t.Helper()
	type component struct{ Type, Name, Version, Purl string }
	var document struct {
		BomFormat, SpecVersion string
		Metadata               struct{ Component component }
		Components             []component
	}
	if err := json.Unmarshal(sbom, &document); err != nil {
		t.Fatal(err)
	}
	if document.BomFormat != "CycloneDX" || document.SpecVersion != "1.6" ||
		document.Metadata.Component.Version != released.Number || document.Metadata.Component.Type != "application" {
		t.Errorf("%.300s", sbom)
	}
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"std " + info.GoVersion}
	for _, m := range info.Deps {
		want = append(want, m.Path+" "+m.Version)
	}
	var got []string
	for _, c := range document.Components {
		got = append(got, c.Name+" "+c.Version)
		if c.Type != "library" || !strings.HasPrefix(c.Purl, "pkg:golang/"+c.Name+"@") {
			t.Errorf("component %+v", c)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("components %q, want %q", got, want)
	}
}

func unpackedTar(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if (h.Mode == 0o755) != (h.Name == "logtable") || h.Uid != 0 ||
			h.ModTime.UTC().Format("2006-01-02") != released.Date {
			t.Errorf("%s: mode %o, user %d, %v", h.Name, h.Mode, h.Uid, h.ModTime)
		}
	}
}

func unpackedZip(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestWhatIsNoRelease(t *testing.T) {
	for _, version := range []string{"", "0.1.0", "v1", "v1.2", "v01.2.3", "v1.2.3 -X a=b", "v1.2.3+dirty", "latest"} {
		err := run(t.Context(), ".", t.TempDir(), version, "")
		if err == nil || !strings.Contains(err.Error(), "VERSION=") {
			t.Errorf("VERSION=%s: %v", version, err)
		}
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "old.zip"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := release{out: full, version: released}
	if err := r.make(t.Context()); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("into a directory that is not empty: %v", err)
	}
}

func TestAReleaseIsOfACommit(t *testing.T) {
	testkit.Program(t, "git")
	root := t.TempDir()
	if _, err := commitOf(t.Context(), root); err == nil || !strings.Contains(err.Error(), "clone") {
		t.Errorf("without a repository: %v", err)
	}
	git := func(args ...string) {
		t.Helper()
		env := []string{"GIT_COMMITTER_DATE=2026-11-26T01:30:00+09:00"}
		args = append([]string{"-c", "user.name=n", "-c", "user.email=e@example.com"}, args...)
		if _, err := output(t.Context(), root, env, "git", args...); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "first")
	if v, err := commitOf(t.Context(), root); err != nil || len(v.Commit) != 40 || v.Date != "2026-11-25" {
		t.Errorf("%+v, %v", v, err)
	}
	if err := os.WriteFile(filepath.Join(root, "new.go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := commitOf(t.Context(), root); err == nil || !strings.Contains(err.Error(), "new.go") {
		t.Errorf("with a change: %v", err)
	}
}

func TestLicences(t *testing.T) {
	root := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("a/LICENSE.txt", "same text\n")
	put("a/notice", "a's notice")
	put("a/license.go", "package a")
	put("a/inner/COPYING", "of a part")
	put("b/LICENCE", "same text\r\n")
	put("c/README.md", "MIT, honestly")
	module := func(name, dir string) linked {
		return linked{filepath.Join(root, dir), name, "v1.0.0", filepath.Join(root, name)}
	}
	text, err := licences(map[linked]bool{module("a", "a/inner"): true, module("b", "b"): true})
	for _, want := range []string{"a v1.0.0\nb v1.0.0\n\nsame text\n", "a's notice", "of a part"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in %v:\n%s", want, err, text)
		}
	}
	if strings.Contains(string(text), "package a") {
		t.Errorf("source code is no licence:\n%s", text)
	}
	_, err = licences(map[linked]bool{module("c", "c"): true})
	if err == nil || !strings.Contains(err.Error(), "c v1.0.0") {
		t.Errorf("a module without a licence: %v", err)
	}
}
