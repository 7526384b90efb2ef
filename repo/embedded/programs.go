//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var errNoPrograms = errors.New("no PostgreSQL programs found: install postgresql " +
	"(Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; " +
	"macOS: brew install postgresql@17) or set embedded.bin_dir")

// programs are PostgreSQL's initdb and postgres.
type programs struct {
	dir   string
	major int
}

// finder has the possible locations of programs.
type finder struct {
	path    func() []string // folders in the user's environment
	usual   []string        // patterns of the systems' installation folders
	shelter string          // for downloads if PostgreSQL's user cannot reach the cache
	fetch   func(ctx context.Context, cache string, major int) (string, error)
}

func usualFinder() finder {
	return finder{
		path: environment,
		usual: []string{
			"/usr/lib/postgresql/*/bin",
			"/usr/pgsql-*/bin",
			"/usr/bin",
			"/opt/homebrew/opt/postgresql@*/bin",
			"/opt/homebrew/opt/postgresql/bin",
			"/usr/local/opt/postgresql*/bin",
			"/Applications/Postgres.app/Contents/Versions/*/bin",
		},
		shelter: filepath.Join(shelter, "programs"),
		fetch:   fetch,
	}
}

// environment returns the folders in PATH that have a postgres, and the folder of pg_config.
func environment() []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	config := exec.Command("pg_config", "--bindir")
	config.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	if out, err := config.Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	return dirs
}

// find returns programs of the given major version, of any if it is 0. If c.BinDir is set it searches only there;
// otherwise it downloads missing programs.
func (f finder) find(ctx context.Context, c Config, p place, major int) (programs, error) {
	if c.BinDir != "" {
		found, err := inspect(ctx, c.BinDir, p.account)
		switch {
		case err != nil:
			return programs{}, fmt.Errorf("embedded.bin_dir: %w", err)
		case major != 0 && found.major != major:
			return programs{}, mismatch(p, major, []int{found.major})
		}
		return found, nil
	}
	var others []int
	for _, dir := range f.folders() {
		found, err := inspect(ctx, dir, p.account)
		if err != nil {
			continue
		}
		if major == 0 || found.major == major {
			return found, nil
		}
		others = append(others, found.major)
	}
	found, err := f.download(ctx, c, p, major)
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return programs{}, context.Cause(ctx)
	case len(others) > 0:
		return programs{}, mismatch(p, major, others)
	}
	return programs{}, fmt.Errorf("%w: %w", errNoPrograms, err)
}

func mismatch(p place, want int, have []int) error {
	slices.Sort(have)
	return fmt.Errorf("the data in %s needs PostgreSQL %d and only %s is here: install postgresql-%[2]d or set "+
		"embedded.bin_dir to its programs",
		p.data(), want, strings.Trim(fmt.Sprint(slices.Compact(have)), "[]"))
}

// folders returns the folders to search, the newest version of each system's folder first.
func (f finder) folders() []string {
	dirs := f.path()
	for _, pattern := range f.usual {
		matches, _ := filepath.Glob(pattern)
		slices.SortFunc(matches, func(a, b string) int { return versionIn(b) - versionIn(a) })
		dirs = append(dirs, matches...)
	}
	return dirs
}

var digits = regexp.MustCompile(`[0-9]+`)

// versionIn returns the last number in path.
func versionIn(path string) int {
	numbers := digits.FindAllString(path, -1)
	if len(numbers) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(numbers[len(numbers)-1])
	return n
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) ([0-9]+)`)

// inspect checks that dir has both programs, of a supported version and executable for the account.
func inspect(ctx context.Context, dir string, a account) (programs, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return programs{}, err
	}
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return programs{}, fmt.Errorf("no program %s in %s", name, dir)
		}
	}
	if !a.reaches(dir) {
		return programs{}, fmt.Errorf("user %s cannot reach %s", a.name, dir)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		return programs{}, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	match := versionLine.FindSubmatch(out)
	if match == nil {
		return programs{}, fmt.Errorf("%s is not PostgreSQL", cmd.Path)
	}
	major, _ := strconv.Atoi(string(match[1]))
	if major < oldest {
		return programs{}, fmt.Errorf("%s is PostgreSQL %d: install %d or newer", cmd.Path, major, oldest)
	}
	return programs{dir, major}, nil
}

// download downloads programs into the cache, or returns those of an earlier download.
func (f finder) download(ctx context.Context, c Config, p place, major int) (programs, error) {
	cache := c.CacheDir
	if cache == "" {
		cache = filepath.Join(p.dir, "programs")
		if user, err := os.UserCacheDir(); err == nil {
			cache = filepath.Join(user, "crm", "programs")
		}
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return programs{}, err
	}
	if !p.account.reaches(cache) {
		cache = f.shelter
	}
	dir, err := f.fetch(ctx, cache, major)
	if err != nil {
		return programs{}, err
	}
	return inspect(ctx, dir, p.account)
}

// clientDirs returns the folders to search for a client program: those in PATH, and those of the server's programs.
func clientDirs(name string) []string {
	dirs := usualFinder().folders()
	if path, err := exec.LookPath(name); err == nil {
		dirs = append(dirs, filepath.Dir(path)) // last: Debian's /usr/bin/pg_dump chooses a version itself
	}
	return dirs
}
