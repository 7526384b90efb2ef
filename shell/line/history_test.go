package line

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func openHistory(t *testing.T, path string, limit int) *History {
	t.Helper()
	h, err := OpenHistory(path, limit, func(line string) bool { return !strings.Contains(line, "secret") })
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func add(t *testing.T, h *History, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if err := h.Add(line); err != nil {
			t.Fatal(err)
		}
	}
}

func wantLines(t *testing.T, h *History, want ...string) {
	t.Helper()
	if got := h.Lines(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "history")
	h := openHistory(t, path, 100)
	add(t, h, "one", "two", "two", " spaced", "", "  ", "a secret", `c:\new`, "many\nlines\r\n\\n\n", "one",
		strings.Repeat("x", maxEntry+1))
	want := []string{"one", "two", `c:\new`, "many\nlines\r\n\\n", "one"}
	wantLines(t, h, want...)
	wantLines(t, openHistory(t, path, 100), want...)
	for path, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, want %v: %v", path, info.Mode(), want, err)
		}
	}
}

func TestHistoryLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	h := openHistory(t, path, 4)
	for i := range 10 {
		add(t, h, fmt.Sprint("line ", i))
	}
	wantLines(t, h, "line 6", "line 7", "line 8", "line 9")
	wantLines(t, openHistory(t, path, 4), "line 6", "line 7", "line 8", "line 9")
	b, err := os.ReadFile(path)
	if want := "line 6\nline 7\nline 8\nline 9\n"; err != nil || string(b) != want {
		t.Errorf("the file holds %q, %v, want %q", b, err, want)
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("files %v, %v", names, err)
	}
	none := openHistory(t, filepath.Join(t.TempDir(), "none"), 0)
	add(t, none, "x")
	wantLines(t, none)
}

func TestHistoryShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var shells sync.WaitGroup
	for n := range 4 {
		h := openHistory(t, path, 10_000)
		shells.Go(func() {
			for i := range 200 {
				if err := h.Add(fmt.Sprintf("shell %d line %d %s", n, i, strings.Repeat("x", 1000))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	shells.Wait()
	lines := openHistory(t, path, 10_000).Lines()
	if len(lines) != 800 {
		t.Errorf("%d lines, want 800", len(lines))
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "shell ") ||
			!strings.HasSuffix(line, strings.Repeat(" ", 1)+strings.Repeat("x", 1000)) {
			t.Fatalf("a mixed line: %q", line)
		}
	}
}

func TestHistoryBroken(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("ok\n\xff\x00bad\\\n\n\nmy secret\nend"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := openHistory(t, file, 10)
	wantLines(t, h, "ok", "\x00bad\\", "end")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	add(t, h, "next")
	wantLines(t, openHistory(t, file, 10), "ok", "\x00bad\\", "end", "next")
	for _, path := range []string{dir, filepath.Join(file, "below"), "/dev/null/x"} {
		h, err := OpenHistory(path, 10, nil)
		if err == nil || h == nil {
			t.Errorf("%s: %v, %v", path, h, err)
			continue
		}
		if err := h.Add("x"); err == nil {
			t.Errorf("%s: Add reports nothing", path)
		}
		wantLines(t, h, "x")
	}
	memory, err := OpenHistory("", 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	add(t, memory, "x")
	wantLines(t, memory, "x")
}
