package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// sboms writes a CycloneDX document beside each artefact: the modules in its
// binary, Go's standard library among them.
func (r *release) sboms(ctx context.Context, artefacts []artefact) error {
	if r.cyclonedx == "" {
		return nil
	}
	for _, a := range artefacts {
		path := filepath.Join(r.temp, a.name+".cdx.json")
		_, err := output(ctx, r.root, []string{"GOFLAGS="}, "go", "run", r.cyclonedx, "bin", "-json", "-std",
			"-noserial", "-notimestamp", "-version", r.version.Number, "-output", path, a.binary)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if content, err = reproducible(content); err != nil {
			return fmt.Errorf("the SBOM of %s: %w", a.name, err)
		}
		if err := os.WriteFile(filepath.Join(r.out, filepath.Base(path)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// reproducible drops what differs from machine to machine: the checksums of the
// program that made the document, which is built where it runs.
func reproducible(content []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var document map[string]any
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	metadata, _ := document["metadata"].(map[string]any)
	tools, _ := metadata["tools"].([]any)
	if len(tools) == 0 {
		return nil, fmt.Errorf("it does not say which tool has made it")
	}
	for _, tool := range tools {
		if tool, ok := tool.(map[string]any); ok {
			delete(tool, "hashes")
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(document)
	return out.Bytes(), err
}
