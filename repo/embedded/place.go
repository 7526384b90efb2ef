//go:build unix

package embedded

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	// shelter is the parent of the data of root's servers whose directory PostgreSQL's user cannot reach.
	shelter = "/var/lib/crm"

	// locationFile, in such a directory, has the path of the data.
	locationFile = "location"

	// socketRoom is the maximum length of a socket's path that every system supports.
	socketRoom = 103
)

// place is the location of one server.
type place struct {
	dir     string  // locks and log
	home    string  // data, and the socket unless its path is too long
	account account // of PostgreSQL
}

func (p place) data() string { return filepath.Join(p.home, "data") }
func (p place) log() string  { return filepath.Join(p.dir, "log") }

// locate finds or creates the home of dir's server. The caller holds the start lock.
func locate(dir string) (place, error) {
	p := place{dir: dir, home: dir}
	note := filepath.Join(dir, locationFile)
	noted, _ := os.ReadFile(note)
	if elsewhere := strings.TrimSpace(string(noted)); elsewhere != "" {
		p.home = elsewhere
	}
	var err error
	if p.account, err = serverAccount(p.data()); err != nil {
		return p, err
	}
	_, absent := os.Lstat(p.data())
	if p.home == dir && (absent == nil || p.account.reaches(dir)) {
		return p, nil
	}
	if p.home == dir {
		p.home = p.account.shelter(dir)
	}
	if err := os.MkdirAll(filepath.Dir(p.home), 0o755); err != nil {
		return p, fmt.Errorf("user %s cannot reach %s: set embedded.dir to a directory it can reach: %w",
			p.account.name,
			dir, err)
	}
	if _, err := makeDir(p.home); err != nil {
		return p, err
	}
	if !p.account.reaches(p.home) {
		return p, fmt.Errorf("user %s cannot reach %s: set embedded.dir to a directory it can reach", p.account.name,
			p.home)
	}
	if text := p.home + "\n"; text != string(noted) {
		return p, replaceFile(note, text)
	}
	return p, nil
}

// replaceFile writes a file as a whole: if that fails or is interrupted, the former one remains.
func replaceFile(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// shelter returns the home of dir's server in a place that the account can reach. For a temporary dir that is a
// temporary directory too.
func (a account) shelter(dir string) string {
	if temp, err := filepath.EvalSymlinks(os.TempDir()); err == nil && a.reaches(temp) {
		if inside, err := filepath.Rel(temp, dir); err == nil && filepath.IsLocal(inside) {
			return filepath.Join(temp, "crm-data-"+digest(dir))
		}
	}
	return filepath.Join(shelter, digest(dir))
}

// makeDir makes path private unless it has files already: then the files created there are private themselves. It
// returns path without symbolic links.
func makeDir(path string) (string, error) {
	if path == "" {
		return "", errors.New("no directory for the server: set embedded.dir")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	uid, err := ownerOf(path)
	if err != nil {
		return "", err
	}
	if uid != os.Geteuid() {
		return "", fmt.Errorf("%s belongs to another user: run as that user, or set embedded.dir", path)
	}
	inside, err := os.ReadDir(path)
	if err != nil || len(inside) > 0 {
		return path, err
	}
	return path, closeOff(path)
}

// closeOff closes path to all other users. PostgreSQL's own user, if there is one, may pass through to its own files
// and do nothing else, because root opens files here.
func closeOff(path string) error {
	if os.Geteuid() != 0 {
		return os.Chmod(path, 0o700)
	}
	acct, err := serverAccount("")
	if err != nil {
		return err
	}
	if err := os.Chown(path, 0, int(acct.gid)); err != nil {
		return err
	}
	return os.Chmod(path, 0o710)
}

// socketDir creates the private directory of the server's socket: in its home or, if that path is not suitable for a
// socket, in a temporary directory. Temporary directories are open to all users, so the name may be taken: a directory
// that is not ours or not private is refused.
func (p place) socketDir() (string, error) {
	dirs := []string{filepath.Join(p.home, "run")}
	// clients read it as a list of hosts
	if len(dirs[0])+len(socketName) > socketRoom || strings.Contains(dirs[0], ",") {
		dirs = nil
		for _, base := range []string{os.Getenv("XDG_RUNTIME_DIR"), os.TempDir(), "/tmp"} {
			dir := filepath.Join(base, "crm-"+digest(p.home))
			if filepath.IsAbs(base) && len(dir)+len(socketName) <= socketRoom && p.account.reaches(base) {
				dirs = append(dirs, dir)
			}
		}
	}
	err := fmt.Errorf("%s is too long for a socket: set embedded.dir", p.home)
	for _, dir := range dirs {
		if err = p.account.ownDir(dir); err == nil {
			return dir, nil
		}
	}
	return "", err
}

// digest returns a name for path and the current user in a directory that is shared with others.
func digest(path string) string {
	sum := sha256.Sum256([]byte(path + "\x00" + strconv.Itoa(os.Geteuid())))
	return fmt.Sprintf("%x", sum[:8])
}

func ownerOf(path string) (int, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	return int(info.Sys().(*syscall.Stat_t).Uid), nil
}

// isPrivate reports whether path is a directory, not a link to one, that only its owner can enter.
func isPrivate(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode() == fs.ModeDir|0o700
}
