package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/version"
)

func newVersion(sh *shell) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(sh.stdout, "logtable", ownVersion())
			return err
		},
	}
}

// ownVersion is the version with what it was built from, and for what: a
// problem's report needs all of it.
func ownVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return describe(info) + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}

// describe is what the linker was told or, for what `go install` and `go build`
// have made, what the Go tool recorded.
func describe(info *debug.BuildInfo) string {
	number, recorded := version.Number(), map[string]string{}
	if number == version.Unreleased && strings.HasPrefix(info.Main.Version, "v") {
		number = info.Main.Version
	}
	for _, s := range info.Settings {
		recorded[s.Key] = s.Value
	}
	commit, day := version.Commit()
	commit = cmp.Or(commit, recorded["vcs.revision"])
	day, _, _ = strings.Cut(cmp.Or(day, recorded["vcs.time"]), "T")
	if commit == "" {
		return number
	}
	return fmt.Sprintf("%s (commit %.12s, %s)", number, commit, day)
}
