// Command pack builds the Lambda layer: layer/dist/logtable-layer-arm64.zip and
// layer/dist/logtable-layer-x86_64.zip. `make layer` runs it from the
// repository's root.
//
// The same source and Go version make the same bytes, on every machine.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/logtable/logtable/layer/build"
)

// architectures are the layer's, in the order of building. What users see has
// Lambda's names.
var architectures = []struct{ lambda, goarch string }{{"arm64", "arm64"}, {"x86_64", "amd64"}}

func main() {
	root := flag.String("root", ".", "the repository's root `directory`")
	out := flag.String("o", filepath.Join("layer", "dist"),
		"where the zip files go: a `directory`, relative to the root")
	binary := flag.String("binary", "",
		"no layer, only the extension for this machine: a `file`, relative to the root")
	number := flag.String("version", "", "the `number` of the release, such as v0.1.0, that the binary says")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, *root, *out, *binary, build.Version{Number: *number})
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// run makes the layers in the directory out or, if binary is not empty, only
// that file. Relative paths are taken from root.
func run(ctx context.Context, root, out, binary string, version build.Version) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return fmt.Errorf("cannot find the repository: %w", err)
	}
	within := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(root, path)
	}
	if binary != "" {
		if err := build.Extension(ctx, root, within(binary), version); err != nil {
			return fmt.Errorf("cannot build the extension: %w", err)
		}
		return nil
	}
	return pack(ctx, root, within(out), version, os.Stdout)
}

// pack builds the layers of the repository at root into dir and prints their
// sizes.
func pack(ctx context.Context, root, dir string, version build.Version, stdout io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the output directory: %w", err)
	}
	for _, arch := range architectures {
		binary, err := compile(ctx, root, arch.goarch, version)
		if err != nil {
			return err
		}
		layer, err := archive(binary)
		if err != nil {
			return fmt.Errorf("cannot make the zip file for %s: %w", arch.lambda, err)
		}
		path := filepath.Join(dir, "logtable-layer-"+arch.lambda+".zip")
		if err := os.WriteFile(path, layer, 0o644); err != nil {
			return fmt.Errorf("cannot write the layer: %w", err)
		}
		fmt.Fprintf(stdout, "%s  %.1f MB, unpacked %.1f MB\n", path, megabytes(layer), megabytes(binary))
	}
	return nil
}

func megabytes(b []byte) float64 { return float64(len(b)) / 1e6 }

// compile builds the extension for linux on arch and returns the binary.
func compile(ctx context.Context, root, arch string, version build.Version) ([]byte, error) {
	dir, err := os.MkdirTemp("", "logtable-layer-")
	if err != nil {
		return nil, fmt.Errorf("cannot build the extension: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "logtable")
	if err := build.Extension(ctx, root, path, version, build.For("linux", arch)...); err != nil {
		return nil, fmt.Errorf("cannot build the extension for %s: %w", arch, err)
	}
	return os.ReadFile(path)
}

// epoch is the time of everything in the zip file: the earliest it can say.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// archive makes the layer's zip file. Lambda unpacks it in /opt and starts
// every file in /opt/extensions, so nothing but the extension may be there.
func archive(binary []byte) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	directory := &zip.FileHeader{Name: "extensions/", Modified: epoch}
	directory.SetMode(fs.ModeDir | 0o755)
	if _, err := z.CreateHeader(directory); err != nil {
		return nil, err
	}
	file := &zip.FileHeader{Name: "extensions/logtable", Method: zip.Deflate, Modified: epoch}
	file.SetMode(0o755)
	w, err := z.CreateHeader(file)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(binary); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
