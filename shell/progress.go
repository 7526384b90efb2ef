package shell

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress draws on a terminal how far a long work has come; quiet, or elsewhere, it draws nothing. What is said after
// leave stands below a bar that has not come to its end.
func Progress(to *os.File, what string, quiet bool) (show func(done, total int64), leave func()) {
	visible, shown := !quiet && term.IsTerminal(int(to.Fd())), false
	bar := progressbar.NewOptions64(1, progressbar.OptionSetWriter(to), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionSetVisibility(visible), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetRenderBlankState(false))
	show = func(done, total int64) {
		shown = visible
		bar.ChangeMax64(total)
		_ = bar.Set64(done)
	}
	leave = func() {
		if shown && !bar.IsFinished() {
			fmt.Fprintln(to)
		}
	}
	return show, leave
}
