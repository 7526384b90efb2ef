package embedded

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// A client is one of PostgreSQL's client programs.
type client struct {
	path  string
	major int
}

// Client returns the path and major version of a client program, pg_dump or pg_restore. It chooses the oldest version
// that is at least major, because that is the most compatible with the server and its tools. It searches binDir only if
// that is not empty; otherwise PATH and the places where [Start] finds the server's programs.
func Client(ctx context.Context, name, binDir string, major int) (path string, version int, err error) {
	dirs := []string{binDir}
	if binDir == "" {
		dirs = clientDirs(name)
	}
	return nearest(ctx, name, dirs, major)
}

func nearest(ctx context.Context, name string, dirs []string, major int) (path string, version int, err error) {
	var found []client
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if version := clientVersion(ctx, path); version > 0 {
			found = append(found, client{path, version})
		}
	}
	slices.SortStableFunc(found, func(a, b client) int { return cmp.Compare(a.major, b.major) })
	for _, c := range found {
		if c.major >= major {
			return c.path, c.major, nil
		}
	}
	fix := fmt.Sprintf("install postgresql-client-%[1]d (Debian, Ubuntu; Fedora: postgresql; macOS: brew install "+
		"postgresql@%[1]d), "+
		"or set embedded.bin_dir to the directory that holds it", max(major, oldest))
	if len(found) == 0 {
		return "", 0, fmt.Errorf("the program %s of PostgreSQL is not found: %s", name, fix)
	}
	return "", 0, fmt.Errorf("%s is of PostgreSQL %d, %d or newer is needed: %s", name, found[len(found)-1].major,
		major, fix)
}

var clientLine = regexp.MustCompile(`^pg_\w+ \(PostgreSQL\) ([0-9]+)`)

// clientVersion returns a program's major version, 0 if it does not run.
func clientVersion(ctx context.Context, path string) int {
	if _, err := exec.LookPath(path); err != nil {
		return 0
	}
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	out, err := cmd.Output()
	match := clientLine.FindSubmatch(out)
	if err != nil || match == nil {
		return 0
	}
	major, _ := strconv.Atoi(string(match[1]))
	return major
}
