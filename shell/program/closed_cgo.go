//go:build cgo && unix

package program

/*
#include <fcntl.h>

static int closed;

// A constructor runs before the Go runtime does.
__attribute__((constructor)) static void look(void) { closed = fcntl(1, F_GETFD) == -1; }

static int was_closed(void) { return closed; }
*/
import "C"

// outputClosed reports whether the caller closed standard output (>&-). The Go runtime opens the null device in its
// place before any Go code runs, so only C can know.
func outputClosed() (closed, certain bool) { return C.was_closed() != 0, true }
