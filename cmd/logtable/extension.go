package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/extension"
)

// extensionCommand names the hidden command that is the extension.
const extensionCommand = "extension"

// linkExtension links to this program, in a new directory in work, under the
// file name that the extension has in the layer, because it registers by it.
func linkExtension(work string) (path string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find this program's file: %w", err)
	}
	link := filepath.Join(work, "extensions", "logtable")
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return "", err
	}
	if err := os.Symlink(self, link); err != nil && !os.IsExist(err) {
		return "", err
	}
	return link, nil
}

// exitStatus ends a command that has said already what there is to say.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// newExtension runs the extension itself in this program, as the layer's binary
// does: so a local Lambda needs no other file than this one. It is hidden
// because people attach a layer.
func newExtension() *cobra.Command {
	return &cobra.Command{
		Use:    extensionCommand,
		Short:  "Run the extension alongside a function, as Lambda does",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			if code := extension.Main(); code != exitOK {
				return exitStatus(code)
			}
			return nil
		},
	}
}
