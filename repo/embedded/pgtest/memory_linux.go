package pgtest

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// roomNeeded is how much memory, in bytes, must be free for temporary files to be kept there. The tests of a package
// use less than a tenth of it; several packages run at once, and so may other programs.
const roomNeeded = 4 << 30

// inMemory has this program keep its temporary files in /dev/shm, unless TMPDIR says where or memory is short. A file
// system on a disk needs several times as long to create a database, most of it to find a free inode after another
// database was dropped.
func inMemory() {
	const dir = "/dev/shm"
	if os.Getenv("TMPDIR") != "" {
		return
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil || fs.Type != unix.TMPFS_MAGIC || fs.Flags&unix.ST_NOEXEC != 0 ||
		fs.Bavail*uint64(fs.Bsize) < roomNeeded || freeMemory() < roomNeeded || unix.Access(dir, unix.W_OK) != nil {
		return
	}
	_ = os.Setenv("TMPDIR", dir)
}

// freeMemory returns how many bytes of memory programs can still take; 0 if that is unknown.
func freeMemory() (bytes uint64) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), "MemAvailable:"); found {
			if _, err := fmt.Sscanf(rest, "%d kB", &bytes); err != nil {
				return 0
			}
			return bytes << 10
		}
	}
	return 0
}
