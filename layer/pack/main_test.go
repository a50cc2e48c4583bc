package main

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/testkit"
	"github.com/logtable/logtable/layer/build"
)

// released is a version that no other test has.
var released = build.Version{Number: "v1.2.3-pack"}

// The layer is built in two directories, once with settings in the environment
// that would change a binary. Both are copies, so that an edit meanwhile does
// not make them differ.
func TestLayerIsTheSameBytesEverywhere(t *testing.T) {
	testkit.Slow(t)
	here, elsewhere := t.TempDir(), t.TempDir()
	testkit.CopySource(t, filepath.Join("..", ".."), here)
	testkit.CopySource(t, here, elsewhere)

	first, second := t.TempDir(), t.TempDir()
	var printed strings.Builder
	if err := pack(t.Context(), here, first, released, &printed); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOAMD64", "v3")
	t.Setenv("CGO_ENABLED", "1")
	t.Setenv("GOOS", "windows")
	t.Setenv("GOFLAGS", "-race")
	if err := pack(t.Context(), elsewhere, second, released, io.Discard); err != nil {
		t.Fatal(err)
	}

	for arch, machine := range map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64} {
		name := "logtable-layer-" + arch + ".zip"
		layer := readFile(t, filepath.Join(first, name))
		if !bytes.Equal(layer, readFile(t, filepath.Join(second, name))) {
			t.Errorf("%s differs between two builds of the same source", name)
		}
		checkLayer(t, layer, machine)
		if !strings.Contains(printed.String(), name) {
			t.Errorf("the size of %s is not printed: %q", name, printed.String())
		}
	}
}

// checkLayer looks at what is in a zip file.
func checkLayer(t *testing.T, layer []byte, machine elf.Machine) {
	t.Helper()
	if most := 4_000_000; len(layer) > most {
		t.Errorf("the layer has %d bytes, more than %d: what grew is paid for in every cold start", len(layer), most)
	}
	z, err := zip.NewReader(bytes.NewReader(layer), int64(len(layer)))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != 2 || z.File[0].Name != "extensions/" || z.File[1].Name != "extensions/logtable" {
		t.Fatalf("the layer holds %d entries, want extensions/ and extensions/logtable only", len(z.File))
	}
	if mode := z.File[0].Mode(); mode != fs.ModeDir|0o755 {
		t.Errorf("extensions/ has mode %v", mode)
	}
	if mode := z.File[1].Mode(); mode != 0o755 {
		t.Errorf("extensions/logtable has mode %v; without x Lambda cannot start it", mode)
	}
	f, err := z.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	e, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	if e.Machine != machine || e.Type != elf.ET_EXEC {
		t.Errorf("the binary is %v, %v; want an executable for %v", e.Type, e.Machine, machine)
	}
	for _, program := range e.Progs {
		if program.Type == elf.PT_INTERP || program.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary is not static: it has a %v segment", program.Type)
		}
	}
	if bytes.Contains(binary, []byte("encoding/json.Unmarshal")) {
		t.Error("the binary has encoding/json in it, 4 % of the layer: use jsonscan or jsontext, and not log/slog")
	}
	checkVersion(t, binary, machine)
	if e.Section(".symtab") != nil || e.Section(".debug_info") != nil {
		t.Error("the binary is not stripped")
	}
}

// checkVersion asks the binary itself where this machine can.
func checkVersion(t *testing.T, binary []byte, machine elf.Machine) {
	t.Helper()
	if !bytes.Contains(binary, []byte(released.Number)) {
		t.Error("the binary does not know its version")
	}
	if runtime.GOOS != "linux" || (runtime.GOARCH == "amd64") != (machine == elf.EM_X86_64) {
		return
	}
	path := filepath.Join(t.TempDir(), "logtable")
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(path, "--version").Output()
	if err != nil || !strings.HasPrefix(string(said), "logtable "+released.Number+" go") {
		t.Errorf("--version prints %q: %v", said, err)
	}
}

func TestTimesInTheZipFileAreFixed(t *testing.T) {
	layer, err := archive([]byte("binary"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(layer), int64(len(layer)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if !f.Modified.Equal(epoch) {
			t.Errorf("%s is of %v, want %v", f.Name, f.Modified, epoch)
		}
	}
}

func TestABrokenBuildSaysWhy(t *testing.T) {
	testkit.Slow(t)
	err := pack(t.Context(), t.TempDir(), t.TempDir(), released, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "cannot build the extension for arm64") ||
		!strings.Contains(err.Error(), "go.mod") {
		t.Errorf("a build without source ends with: %v", err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// What else builds the extension asks layer/build how.
func TestTheBuildFlagsStandInOnePlace(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "Makefile" && filepath.Ext(path) != ".go" {
			return err
		}
		content, err := fs.ReadFile(root, path)
		if path != "layer/build/build.go" && bytes.Contains(content, []byte(build.Tags)) {
			t.Errorf("%s spells the layer's build tags; use layer/build, or `go run ./layer/pack -binary`", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
