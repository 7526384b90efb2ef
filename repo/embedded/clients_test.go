//go:build unix

package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestClient checks that the oldest suitable version is used, and that an error names the package to install if there
// is none.
func TestClient(t *testing.T) {
	var dirs []string
	for _, major := range []int{17, 14, 15, 18} {
		dir := filepath.Join(t.TempDir(), strconv.Itoa(major))
		dirs = append(dirs, dir)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		program := "#!/bin/sh\necho 'pg_dump (PostgreSQL) " + strconv.Itoa(major) + ".3 (Debian)'\n"
		if err := os.WriteFile(filepath.Join(dir, "pg_dump"), []byte(program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for major, want := range map[int]int{14: 14, 15: 15, 16: 17, 18: 18} {
		path, version, err := nearest(t.Context(), "pg_dump", dirs, major)
		if err != nil || version != want || !strings.HasSuffix(path, strconv.Itoa(want)+"/pg_dump") {
			t.Errorf("at least %d: %s of %d, %v; want %d", major, path, version, err, want)
		}
	}
	for name, want := range map[string]string{
		"pg_dump":    "pg_dump is of PostgreSQL 18, 19 or newer is needed: install postgresql-client-19 ",
		"pg_restore": "the program pg_restore of PostgreSQL is not found: install postgresql-client-19 ",
	} {
		if _, _, err := nearest(t.Context(), name, dirs, 19); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if path, version, err := Client(t.Context(), "pg_restore", "", 14); err != nil || version < 14 ||
		filepath.Base(path) != "pg_restore" {
		t.Errorf("on this machine: %s of %d, %v", path, version, err)
	}
}
