// Command pack builds the Lambda layer: layer/dist/logtable-arm64.zip and
// layer/dist/logtable-amd64.zip. `make layer` runs it from the repository's
// root.
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
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

// architectures are GOARCH values, in the order of building. Lambda calls the
// second one x86_64.
var architectures = []string{"arm64", "amd64"}

// seldom are packages whose code runs once in a process, in a request or in an
// alert. Inlining in them would cost 40 KB of the zip file and gain nothing that
// could be measured.
var seldom = []string{
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/...",
	"github.com/logtable/logtable/internal/alert/...",
	"github.com/logtable/logtable/internal/awsenv",
	"github.com/logtable/logtable/internal/config",
}

func main() {
	root := flag.String("root", ".", "the repository's root `directory`")
	out := flag.String("o", filepath.Join("layer", "dist"), "where the zip files go: a `directory`, relative to the root")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir := *out
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(*root, dir)
	}
	if err := pack(ctx, *root, dir, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// pack builds the layers of the repository at root into dir and prints their
// sizes.
func pack(ctx context.Context, root, dir string, stdout io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the output directory: %w", err)
	}
	for _, arch := range architectures {
		binary, err := build(ctx, root, arch)
		if err != nil {
			return err
		}
		layer, err := archive(binary)
		if err != nil {
			return fmt.Errorf("cannot make the zip file for %s: %w", arch, err)
		}
		path := filepath.Join(dir, "logtable-"+arch+".zip")
		if err := os.WriteFile(path, layer, 0o644); err != nil {
			return fmt.Errorf("cannot write the layer: %w", err)
		}
		fmt.Fprintf(stdout, "%s  %.1f MB, unpacked %.1f MB\n", path, megabytes(layer), megabytes(binary))
	}
	return nil
}

func megabytes(b []byte) float64 { return float64(len(b)) / 1e6 }

// build compiles the extension for linux on arch: static, without symbols.
// HTTP/2 is left out, which neither Lambda's APIs nor DynamoDB speak to it.
func build(ctx context.Context, root, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "logtable-layer-")
	if err != nil {
		return nil, fmt.Errorf("cannot build the extension: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "logtable")
	args := []string{"build", "-o", path, "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags=nethttpomithttp2"}
	for _, pkg := range seldom {
		args = append(args, "-gcflags="+pkg+"=-l")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/extension")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), settings(arch)...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot build the extension for %s: %w\n%s", arch, err, bytes.TrimSpace(output))
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot build the extension for %s: %w", arch, err)
	}
	return binary, nil
}

// settings is the Go tool's environment: all that changes the bytes is said
// here, so that what a developer has set for other work does not.
func settings(arch string) []string {
	return []string{
		"GOOS=linux",
		"GOARCH=" + arch,
		"CGO_ENABLED=0",
		"GOAMD64=v1",   // Lambda says nothing of its x86_64 processors
		"GOARM64=v8.0", // Graviton2 is v8.2; Go gains nothing from saying so
		"GOFLAGS=-mod=readonly",
		"GOEXPERIMENT=",
		"GOFIPS140=off",
		"GOWORK=off",
	}
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
