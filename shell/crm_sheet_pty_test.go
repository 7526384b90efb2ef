//go:build linux

package shell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// editNames writes names in place of IDs in the editor.
func editNames(t *testing.T) {
	editor := script(t, "editor", `sh "${0%/*}/todo" "$1"`)
	todo := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(filepath.Dir(editor), "todo"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := sit(t, deskConfig{login: "admin", env: []string{"EDITOR=" + editor, "TMPDIR=" + t.TempDir()}})
	save := func(words ...string) {
		t.Helper()
		since := len(d.output())
		d.send("edit event 1\r")
		d.said(since, "save? [y/N]")
		d.send("y\r")
		d.idle()
		inOrder(t, plainly(d.output()[since:]), words...)
	}
	todo(`sed -i 's/^support_id: .*/support_id: aliénor/' "$1"`)
	save("support-id:", "aliénor", "Aliénor Vichum", "event 1 ")
	// An unknown name reopens the editor with the error above its line.
	todo(`if grep -q '^# error' "$1"; then grep -A1 '^# error' "$1" | grep -q '^support_id: zz' ` +
		`&& sed -i 's/^support_id: .*/support_id: kate/' "$1"; ` +
		`else sed -i 's/^support_id: .*/support_id: zz/' "$1"; fi`)
	save("support-id:", "kate", "event 1 updated")
	inOrder(t, plainly(d.run("event get 1 --format json", `"name"`)), `"support_contact":"Kate Hastroff"`)
	todo(`sed -i 's/^support_id: .*/support_id: zz/' "$1"`)
	d.run("edit event 1", "error: invalid --support-id: no support collaborator fits", "your text is kept in")
}

// editWaits gives up while a change waits for another transaction: the text is kept.
func editWaits(t *testing.T) {
	editor := script(t, "editor", `sed -i 's/^full_name: .*/full_name: Kim Casey/' "$1"`)
	dir := t.TempDir()
	d := sit(t, deskConfig{login: "sales1", env: []string{"EDITOR=" + editor, "TMPDIR=" + dir}})
	d.send("edit customer 1\r")
	d.wait("save? [y/N]")
	unlock := d.lock("customer")
	since := len(d.output())
	d.send("y\r")
	d.stuck()
	d.send("\x03")
	d.said(since, "cancelled: your text is kept in")
	d.idle()
	unlock()
	kept, err := filepath.Glob(filepath.Join(dir, "crm-edit-*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept are %v, %v", kept, err)
	}
	if text, err := os.ReadFile(kept[0]); err != nil || !strings.Contains(string(text), "Kim Casey") {
		t.Errorf("%s: %v", text, err)
	}
}
