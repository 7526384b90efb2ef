package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestNoNetwork(t *testing.T) {
	dir := reachableDir(t)
	s := mustStart(t, dir)
	if got := value(t, s, "show listen_addresses"); got != "" {
		t.Errorf("listens on %q", got)
	}
	open := ""
	for _, table := range []string{"tcp", "tcp6"} {
		content, err := os.ReadFile("/proc/net/" + table)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		open += string(content)
	}
	fds := filepath.Join("/proc", strconv.Itoa(at(t, dir).running().pid), "fd")
	entries, err := os.ReadDir(fds)
	if err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for _, entry := range entries {
		target, _ := os.Readlink(filepath.Join(fds, entry.Name()))
		inode, ok := strings.CutPrefix(strings.TrimSuffix(target, "]"), "socket:[")
		if !ok {
			continue
		}
		sockets++
		if strings.Contains(open, " "+inode+" ") {
			t.Errorf("the server has a TCP socket, inode %s", inode)
		}
	}
	if sockets == 0 {
		t.Error("the server's own socket was not seen")
	}
}
