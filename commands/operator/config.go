package operator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"crm/commands"
)

// This file writes the config that `crm init` makes.

// WriteConfig makes a config file, for its owner alone, of keys of two words ("database.url") and their
// values; keys of one first word follow each other. It is ErrUsage where the file cannot be made.
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

// writeNew makes a file for its owner alone; it never overwrites one.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
