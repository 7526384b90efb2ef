package line

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

const maxEntry = 64 << 10 // bytes of one history entry; longer ones are not stored

// A History holds the lines of earlier conversations, oldest first, and stores them in a file. Several shells may
// share the file: a line is appended with one write, and a rewrite replaces the whole file. It is safe for concurrent
// use.
type History struct {
	mu    sync.Mutex
	path  string
	limit int
	keep  func(line string) bool
	lines []string
}

// OpenHistory reads the last limit lines of the history in path; none if limit is 0 or less. With an empty path the
// history is in memory only. Lines for which keep returns false, such as those with a secret, are neither stored nor
// read; a nil keep accepts every line.
//
// The History is usable even if an error is returned. It then holds its lines in memory, and in the file as soon as
// that can be written. The caller should print the error as one warning.
func OpenHistory(path string, limit int, keep func(line string) bool) (*History, error) {
	if keep == nil {
		keep = func(string) bool { return true }
	}
	h := &History{path: path, limit: max(0, limit), keep: keep}
	if path == "" {
		return h, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return h, fmt.Errorf("history: %w", err)
	}
	content, err := readHistory(path)
	if err != nil {
		return h, fmt.Errorf("history: %w", err)
	}
	stored := 0
	for text := range strings.Lines(content) {
		stored++
		if entry := unescapeEntry(strings.TrimSuffix(text, "\n")); h.wanted(entry) {
			h.lines = append(h.lines, entry)
		}
	}
	h.lines = slices.Clone(h.lines[max(0, len(h.lines)-h.limit):])
	cut := content != "" && !strings.HasSuffix(content, "\n") // for example by a full disk
	// not at every start, because a rewrite may lose a line of another shell
	if cut || stored > h.limit+h.limit/4 {
		err = h.rewrite()
	}
	return h, err
}

// Lines returns a copy of the history, oldest first.
func (h *History) Lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lines)
}

// Add appends a command, which may have several lines. It ignores a command that is blank, begins with a space,
// repeats the previous one or is refused by the filter. An error means that the file could not be written; the line is
// still added in memory.
func (h *History) Add(entry string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	entry = strings.TrimRight(entry, "\n")
	if !h.wanted(entry) || h.limit == 0 {
		return nil
	}
	h.lines = append(h.lines, entry)
	h.lines = h.lines[max(0, len(h.lines)-h.limit):]
	if h.path == "" {
		return nil
	}
	if err := appendLine(h.path, escapeEntry(entry)+"\n"); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	return nil
}

func (h *History) wanted(entry string) bool {
	switch {
	case strings.TrimSpace(entry) == "", strings.HasPrefix(entry, " "), len(entry) > maxEntry:
		return false
	case len(h.lines) > 0 && h.lines[len(h.lines)-1] == entry:
		return false
	}
	return h.keep(entry)
}

// rewrite replaces the file with the lines in memory.
func (h *History) rewrite() error {
	f, err := os.CreateTemp(filepath.Dir(h.path), filepath.Base(h.path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	var b bytes.Buffer
	for _, entry := range h.lines {
		b.WriteString(escapeEntry(entry) + "\n")
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), h.path)
	}
	if err != nil {
		return fmt.Errorf("history: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// readHistory reads the file if it exists, and sets its mode to 0600.
func readHistory(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular(): // a device or pipe could block forever
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil {
			return "", err
		}
	}
	b, err := os.ReadFile(path)
	return strings.ToValidUTF8(string(b), ""), err
}

// appendLine appends with one write, so that lines of other shells do not mix with it.
func appendLine(path, text string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// escapeEntry returns an entry as one line: a backslash becomes \\ and a line feed \n.
func escapeEntry(s string) string {
	return strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r").Replace(s)
}

func unescapeEntry(s string) string {
	return strings.NewReplacer("\\\\", "\\", "\\n", "\n", "\\r", "\r").Replace(s)
}
