//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the operating system's user that runs PostgreSQL: the current user, except for root, as which PostgreSQL
// refuses to run.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount returns the user that runs the server: for root the owner of its data or, without data, postgres or
// nobody.
func serverAccount(data string) (account, error) {
	if euid := os.Geteuid(); euid != 0 {
		return account{strconv.Itoa(euid), uint32(euid), uint32(os.Getegid())}, nil
	}
	if info, err := os.Lstat(data); err == nil {
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 {
			return account{strconv.Itoa(int(st.Uid)), st.Uid, st.Gid}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return account{name, uint32(uid), uint32(gid)}, nil
		}
	}
	return account{}, errors.New("root cannot run PostgreSQL and there is no user postgres or nobody: run as an " +
		"ordinary user")
}

// own changes the owner of path to the account.
func (a account) own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// ownDir creates a directory that only the account can enter, or checks that path is one.
func (a account) ownDir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	uid, err := ownerOf(path)
	if err != nil {
		return err
	}
	if !isPrivate(path) || uid != os.Geteuid() && uid != int(a.uid) {
		return fmt.Errorf("%s is not a private directory of this user: remove it, or set a shorter embedded.dir", path)
	}
	return a.own(path)
}

// reaches reports whether the account can enter path and use its own files there.
func (a account) reaches(path string) bool {
	if os.Geteuid() != 0 {
		return true
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	for {
		info, err := os.Stat(path)
		if err != nil {
			return false
		}
		st, enter := info.Sys().(*syscall.Stat_t), fs.FileMode(0o001)
		switch {
		case st.Uid == a.uid:
			enter = 0o100
		case st.Gid == a.gid:
			enter = 0o010
		}
		if info.Mode()&enter == 0 {
			return false
		}
		if path == filepath.Dir(path) {
			return true
		}
		path = filepath.Dir(path)
	}
}

// attributes returns the attributes that start a child as the account, in its own session: Ctrl-C in our terminal does
// not reach it.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}
