package shell

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"crm/commands"
)

// barWidth is the width of a progress bar without its numbers, so that both fit in 80 columns.
const barWidth = 16

// exporting draws the progress of a list that is written to a file. The caller calls show with each batch of rows.
func (sh *Shell) exporting(ctx context.Context, a *commands.Answer) (show func(rows int), leave func()) {
	out, isFile := sh.Data.(*os.File)
	if sh.Session.Progress == nil || a.Output.Count == nil || a.To.Programs != nil || !isFile ||
		term.IsTerminal(int(out.Fd())) {
		return func(int) {}, func() {}
	}
	total, err := a.Output.Count(ctx)
	if err != nil || total <= 0 {
		total = -1
	}
	draw, leave := sh.Session.Progress("exporting", "rows")
	draw(0, total) // the time begins
	done := int64(0)
	return func(rows int) {
		done += int64(rows)
		if total > 0 {
			total = max(total, done) // records may be added meanwhile
		}
		draw(done, total)
	}, leave
}

// Progress draws a progress bar on a terminal, with the rate of units and the time left. If to is no terminal, or
// quiet, it draws nothing. A total of -1 is unknown. leave ends an unfinished bar, so that later messages begin on a
// new line.
func Progress(to *os.File, what, unit string, quiet bool) (show func(done, total int64), leave func()) {
	visible, shown := !quiet && term.IsTerminal(int(to.Fd())), false
	var bar *progressbar.ProgressBar
	show = func(done, total int64) {
		if bar == nil {
			rate := progressbar.OptionShowBytes(true)
			if unit != "bytes" {
				rate = progressbar.OptionShowIts()
			}
			bar = progressbar.NewOptions64(total,
				progressbar.OptionSetWriter(to), progressbar.OptionSetDescription(what),
				progressbar.OptionSetWidth(barWidth), progressbar.OptionShowCount(), rate,
				progressbar.OptionSetItsString(unit), progressbar.OptionSetVisibility(visible),
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
