package shell

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// releaseMemory gives back to the system what a sign-in has taken: the memory of the password (argon2id, 64 MiB), which
// the heap could grow to twice of, and the pages of the program's file, most of which only the start needed. Those that
// are needed again come from the system's cache.
func releaseMemory() {
	debug.FreeOSMemory()
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.Open("/proc/self/smaps") // proc(5)
	if err != nil {
		return
	}
	defer func() { _ = smaps.Close() }()
	var first, behind uintptr // the mapping, if it is one of the file and cannot be written to
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		line := lines.Text()
		var from, to uintptr
		var access string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); n == 3 {
			first, behind = 0, 0
			if !strings.Contains(access, "w") && strings.HasSuffix(line, " "+program) {
				first, behind = from, to
			}
			continue
		}
		// Without anonymous pages, no page was written to before the mapping became read-only.
		if behind > 0 && strings.HasPrefix(line, "Anonymous:") && strings.HasSuffix(line, " 0 kB") {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, first, behind-first, unix.MADV_DONTNEED)
		}
	}
}
