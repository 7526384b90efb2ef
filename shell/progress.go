package shell

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress draws a progress bar on a terminal. If to is no terminal, or quiet, it draws nothing. leave ends an
// unfinished bar, so that later messages begin on a new line.
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
