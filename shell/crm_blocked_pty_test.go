//go:build linux

package shell

import (
	"io"
	"os/exec"
	"testing"
)

// linkBlocked: a command that waits for a lock names its holder, and Ctrl-C ends the wait.
func linkBlocked(t *testing.T) {
	d := sit(t, deskConfig{login: "manage"})
	holder := exec.Command(crmBinary, "--atomic", "--login", "admin@epic.example")
	holder.Env = d.cmd.Env
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = holder.Wait()
	})
	if _, err := io.WriteString(in, "event update 1 --location Lyon\n"); err != nil {
		t.Fatal(err)
	}
	// The lock on the table comes earlier: preparing the statement takes it.
	d.until("the lock of another user on the event", func() bool {
		return d.number("select count(*) from (select from event where id = 1 for update skip locked) free") == 0
	})
	admin := d.text("select first_name || ' ' || last_name from collaborator where email = 'admin@epic.example'")
	since := len(d.output())
	d.send("event update 1 --location Paris\r")
	d.said(since, "waiting for "+admin+", who changes the same data: Ctrl-C gives up")
	d.send("\x03")
	d.said(since, "cancelled")
	d.idle()
	d.free()
	// The same wait succeeds when the other transaction ends.
	since = len(d.output())
	d.send("event update 1 --location Nantes\r")
	d.said(since, "waiting for "+admin)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	d.said(since, "event 1 updated")
	d.idle()
	d.run("event get 1", "Nantes")
}
