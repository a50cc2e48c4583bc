package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/logtable/logtable/layer/build"
)

// A platform is what the tool is released for. What users see has its names.
type platform struct{ os, goos, arch, goarch string }

var platforms = []platform{
	{"linux", "linux", "arm64", "arm64"}, {"linux", "linux", "x86_64", "amd64"},
	{"macos", "darwin", "arm64", "arm64"}, {"macos", "darwin", "x86_64", "amd64"},
	{"windows", "windows", "arm64", "arm64"}, {"windows", "windows", "x86_64", "amd64"},
}

// binary is the name of the tool on the platform.
func (p platform) binary() string {
	if p.goos == "windows" {
		return "logtable.exe"
	}
	return "logtable"
}

// A file is one of an archive.
type file struct {
	name    string
	mode    int64
	content []byte
}

// layers makes the layers and takes their binaries out again.
func (r *release) layers(ctx context.Context) (made []artefact, err error) {
	_, err = output(ctx, r.root, nil, "go", "run", "./layer/pack", "-o", r.out, "-version", r.version.Number)
	if err != nil {
		return nil, err
	}
	zips, _ := filepath.Glob(filepath.Join(r.out, "*.zip"))
	for _, path := range zips {
		z, err := zip.OpenReader(path)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		f, err := z.Open("extensions/logtable")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		content, err := io.ReadAll(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		name := filepath.Base(path)
		binary := filepath.Join(r.temp, name, "logtable")
		if err := write(binary, content); err != nil {
			return nil, err
		}
		made = append(made, artefact{name, binary})
	}
	return made, nil
}

// tools makes the tool's archives: the binary, completions for shells, and the
// licences.
func (r *release) tools(ctx context.Context) (made []artefact, err error) {
	for _, p := range r.platforms {
		name := "logtable-" + r.version.Number + "-" + p.os + "-" + p.arch
		binary := filepath.Join(r.temp, name, p.binary())
		if err := build.Tool(ctx, r.root, binary, r.version, build.For(p.goos, p.goarch)...); err != nil {
			return nil, fmt.Errorf("cannot build the tool for %s on %s: %w", p.os, p.arch, err)
		}
		made = append(made, artefact{name, binary})
	}
	common, err := r.common(ctx)
	if err != nil {
		return nil, err
	}
	for i, p := range r.platforms {
		content, err := os.ReadFile(made[i].binary)
		if err != nil {
			return nil, err
		}
		pack, extension := tarball, ".tar.gz"
		if p.goos == "windows" {
			pack, extension = zipped, ".zip"
		}
		made[i].name += extension
		files := append([]file{{p.binary(), 0o755, content}}, common...)
		archive, err := pack(r, files)
		if err != nil {
			return nil, fmt.Errorf("cannot make %s: %w", made[i].name, err)
		}
		if err := os.WriteFile(filepath.Join(r.out, made[i].name), archive, 0o644); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// common is what every archive holds beside the tool. The licences of what is
// linked are also published by themselves: the layers have only the extension
// in them.
func (r *release) common(ctx context.Context) ([]file, error) {
	own, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if err != nil {
		return nil, err
	}
	packages, err := r.linked(ctx)
	if err != nil {
		return nil, err
	}
	others, err := licences(packages)
	if err != nil {
		return nil, err
	}
	const name = "THIRD_PARTY_LICENSES.txt"
	if err := os.WriteFile(filepath.Join(r.out, name), others, 0o644); err != nil {
		return nil, err
	}
	files := []file{{"LICENSE", 0o644, own}, {name, 0o644, others}}
	here := filepath.Join(r.temp, "here", "logtable")
	if err := build.Tool(ctx, r.root, here, r.version, build.For(runtime.GOOS, runtime.GOARCH)...); err != nil {
		return nil, fmt.Errorf("cannot build the tool for this machine: %w", err)
	}
	for _, shell := range [][2]string{
		{"bash", "logtable.bash"}, {"zsh", "_logtable"}, {"fish", "logtable.fish"}, {"powershell", "logtable.ps1"},
	} {
		script, err := output(ctx, r.temp, nil, here, "completion", shell[0])
		if err != nil {
			return nil, err
		}
		files = append(files, file{"completions/" + shell[1], 0o644, []byte(script + "\n")})
	}
	return files, nil
}

// tarball packs files for Linux and macOS.
func tarball(r *release, files []file) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: r.time,
			Format: tar.FormatUSTAR}
		if err := t.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

// zipped packs files for Windows.
func zipped(r *release, files []file) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: r.time})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return out.Bytes(), err
}

// write writes an executable, and makes its directory.
func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o755)
}
