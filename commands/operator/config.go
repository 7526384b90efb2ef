package operator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"crm/commands"
)

// This file writes the config file of `crm init`.

// WriteConfig creates a config file of mode 0600 with keys of two words ("database.url") and their values. Keys with
// the same first word must be consecutive. If the file cannot be created, it returns ErrUsage.
func WriteConfig(path string, keys [][2]string) error {
	var text strings.Builder
	text.WriteString("# crm's config; config.yaml.example explains every key\n")
	section := ""
	for _, pair := range keys {
		first, second, _ := strings.Cut(pair[0], ".")
		if first != section {
			section = first
			text.WriteString(section + ":\n")
		}
		fmt.Fprintf(&text, "  %s: '%s'\n", second, strings.ReplaceAll(pair[1], "'", "''"))
	}
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = writeNew(path, text.String())
	}
	if err != nil {
		return fmt.Errorf("%w: the config file cannot be written: %w", commands.ErrUsage, err)
	}
	return nil
}

// writeNew creates a file of mode 0600. It returns an error if the file exists.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
