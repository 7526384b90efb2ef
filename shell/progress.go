package shell

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress draws a progress bar on a terminal, with the rate of units and the time left. If to is no terminal, or
// quiet, it draws nothing. leave ends an unfinished bar, so that later messages begin on a new line.
func Progress(to *os.File, what, unit string, quiet bool) (show func(done, total int64), leave func()) {
	visible, shown := !quiet && term.IsTerminal(int(to.Fd())), false
	var bar *progressbar.ProgressBar
	show = func(done, total int64) {
		if bar == nil {
			bar = progressbar.NewOptions64(total,
				progressbar.OptionSetWriter(to), progressbar.OptionSetDescription(what),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit),
				progressbar.OptionShowBytes(unit == "bytes"), progressbar.OptionSetVisibility(visible),
				progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionSetRenderBlankState(false))
		} else if total != bar.GetMax64() {
			bar.ChangeMax64(total)
		}
		if done > 0 {
			shown = visible
			_ = bar.Set64(done)
		}
	}
	leave = func() {
		if shown && !bar.IsFinished() {
			fmt.Fprintln(to)
		}
	}
	return show, leave
}
