package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/logtable/logtable/layer/build"
)

// licence is the name of a file that has to go with what it stands beside.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// A linked package is one that some binary has in it.
type linked struct{ dir, module, version, root string }

// licences are the texts of the licences of packages, each with the modules
// that are under it. A module without one is an error.
func licences(packages map[linked]bool) ([]byte, error) {
	texts, found := map[string][]string{}, map[string]bool{} // modules by text; modules
	for p := range packages {
		whose := p.module + " " + p.version
		for dir := p.dir; within(dir, p.root); dir = filepath.Dir(dir) {
			for _, text := range licencesIn(dir) {
				found[whose] = true
				if !slices.Contains(texts[text], whose) {
					texts[text] = append(texts[text], whose)
				}
			}
		}
	}
	for p := range packages {
		if whose := p.module + " " + p.version; !found[whose] {
			return nil, fmt.Errorf("%s has no licence: do not publish what links it", whose)
		}
	}
	var sections []string
	for text, modules := range texts {
		slices.Sort(modules)
		sections = append(sections, strings.Join(modules, "\n")+"\n\n"+text)
	}
	slices.Sort(sections)
	const line = "\n" + "--------------------------------------------------------------------------------" + "\n\n"
	return []byte("Logtable's binaries contain the following, each under the licence below it.\n" +
		line + strings.Join(sections, line)), nil
}

func within(dir, root string) bool {
	return dir == root || strings.HasPrefix(dir, root+string(filepath.Separator))
}

func licencesIn(dir string) (texts []string) {
	entries, _ := fs.ReadDir(os.DirFS(dir), ".")
	for _, e := range entries {
		if !e.Type().IsRegular() || !licence.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
			continue
		}
		if text, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
			text = bytes.ReplaceAll(bytes.TrimSpace(text), []byte("\r\n"), []byte("\n"))
			texts = append(texts, string(text)+"\n")
		}
	}
	return texts
}

// linked are the packages of others that the layers and the tool link on some
// platform. Go's own count as one module.
func (r *release) linked(ctx context.Context) (map[linked]bool, error) {
	const format = "{{if .Standard}}\t\t\t{{else if not .Module.Main}}" +
		"{{.Dir}}\t{{.Module.Path}}\t{{.Module.Version}}\t{{.Module.Dir}}{{end}}"
	goroot, err := output(ctx, r.root, nil, "go", "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	goroot, goversion, _ := strings.Cut(goroot, "\n")
	all := map[string]bool{}
	list := func(p platform, args ...string) error {
		args = append([]string{"list", "-deps", "-f", format}, args...)
		said, err := output(ctx, r.root, build.For(p.goos, p.goarch), "go", args...)
		for package_ := range strings.SplitSeq(said, "\n") {
			all[package_] = true
		}
		return err
	}
	if err := list(platform{goos: "linux", goarch: "arm64"}, "-tags", build.Tags, "./cmd/extension"); err != nil {
		return nil, err
	}
	for _, p := range r.platforms {
		if err := list(p, "./cmd/logtable"); err != nil {
			return nil, err
		}
	}
	packages := map[linked]bool{}
	for text := range maps.Keys(all) {
		switch fields := strings.Split(text, "\t"); {
		case len(fields) == 4 && fields[0] == "":
			packages[linked{goroot, "Go's standard library", goversion, goroot}] = true
		case len(fields) == 4:
			packages[linked{fields[0], fields[1], fields[2], fields[3]}] = true
		}
	}
	return packages, nil
}
