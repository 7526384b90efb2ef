//go:build linux

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crm/seed"
)

// editPromises: the line and its history, the editor, and the files that are stored.
var editPromises = map[string]func(*testing.T){
	"history of each user and database":    editHistory,
	"a secret is kept nowhere":             editSecrets,
	"ctrl-r, up and down":                  editSearch,
	"emacs keys and undo":                  editKeys,
	"the editor, ctrl-x ctrl-e and edit":   editElsewhere,
	"open quotes and backslashes continue": editMore,
	"é, 日本 and emoji":                      editUnicode,
	"edit changes a record":                editRecord,
	"null in the editor empties a value":   editEmpties,
	"comments of several lines":            editLines,
	"edit refuses what changed meanwhile":  editStale,
	"names in the editor":                  editNames,
	"edit keeps a text that had to wait":   editWaits,
}

// historyFiles returns the contents of the files that store a history.
func (d *desk) historyFiles() (all []string) {
	for path, content := range d.storedFiles() {
		if strings.Contains(filepath.Base(path), "history") {
			all = append(all, content)
		}
	}
	return all
}

func editHistory(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.run("customer get 1", "Kevin")
	d.run(" customer get 2", "Bouzin") // begins with a space
	d.run("customer get 1", "Kevin")
	d.send("\x1b[A")
	d.waitLine(d.prompt + " customer get 1")
	d.send("\x1b[A")
	d.waitLine(d.prompt + " customer get 1")
	d.clean()
	d.prompt = "sales2 crm>"
	d.run("login sales2@epic.example", "signed in")
	d.send("\x1b[A\x1b[A\x1b[A")
	d.waitLine("sales2 crm>")
	d.run("customer get 3", "Quick")
	d.prompt = "sales1 crm>"
	d.run("login sales1@epic.example", "signed in")
	d.send("\x1b[A\x1b[A\x1b[A")
	d.waitLine("sales1 crm> customer get 1")
	d.send("\x1b[B\x1b[B\x1b[B\x05\x15exit\r")
	d.endCooked(0)
	files := d.historyFiles()
	if len(files) < 2 {
		t.Errorf("%d history files for two users", len(files))
	}
	for path := range d.storedFiles() {
		info, err := os.Stat(path)
		if err != nil || strings.Contains(path, "history") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v)", path, info.Mode(), err)
		}
		if dir, err := os.Stat(filepath.Dir(path)); err != nil || dir.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v (%v)", filepath.Dir(path), dir.Mode(), err)
		}
	}
	for _, content := range files {
		if strings.Contains(content, "customer get 2") || strings.Contains(content, "get 1") &&
			strings.Contains(content, "get 3") {
			t.Errorf("a history holds %q", content)
		}
	}
	again := sit(t, deskConfig{login: "sales1", beside: d, env: []string{"XDG_STATE_HOME=" + d.home + "/state"}})
	again.send("\x1b[A\x1b[A")
	again.until("line of the last time", func() bool { return strings.HasPrefix(again.line(), again.prompt+" ") })
	// another database
	another := sit(t, deskConfig{login: "sales1", env: []string{"XDG_STATE_HOME=" + d.home + "/state"}})
	another.send("\x1b[A\x1b[A!")
	another.waitLine(another.prompt + " !")
}

func editSecrets(t *testing.T) {
	d := sit(t, deskConfig{})
	since := len(d.output())
	d.prompt = "sales1 crm>"
	for _, typed := range []string{"Wrong-Secret-77!\r", seed.DemoPassword + "\r", "\x1b[200~" + seed.DemoPassword +
		"\x1b[201~\r"} {
		at := len(d.output())
		d.send("login sales1@epic.example\r")
		d.said(at, "password: ")
		d.until("raw mode", func() bool { return !d.isCooked() })
		d.send(typed)
		d.until("answer", func() bool {
			return strings.Contains(d.output()[at:], "wrong email") || strings.Contains(d.output()[at:], "signed in")
		})
	}
	d.idle()
	d.run("whoami", "sales1@epic.example")
	at := len(d.output())
	d.send("password\r")
	for _, a := range [][2]string{
		{"current password: ", seed.DemoPassword},
		{"new password: ", "Too-Short"},
		{"a digit\r\nnew password: ", "A-New-Secret-2027!"},
		{"again: ", "A-New-Secret-2027!"},
	} {
		d.said(at, a[0])
		d.until("raw mode", func() bool { return !d.isCooked() })
		d.send(a[1] + "\r")
	}
	d.said(at, "password changed")
	d.idle()
	screen := d.output()[since:]
	d.run("  login nobody@epic.example --password-file /nonexistent", "error")
	d.send("\x1b[A\x1b[A\x1b[A")
	d.clean()
	d.send("exit\r")
	d.endCooked(0)
	for _, secret := range []string{"Wrong-Secret-77!", seed.DemoPassword, "Too-Short", "A-New-Secret-2027!"} {
		if strings.Contains(screen, secret) {
			t.Errorf("%s was shown", secret)
		}
		for path, content := range d.storedFiles() {
			if strings.Contains(content, secret) {
				t.Errorf("%s holds %s", path, secret)
			}
		}
	}
}

func editSearch(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	for i := range 3 {
		d.run(fmt.Sprintf("customer get %d", i+1), "COMPANY")
	}
	d.run("set limit 9", "limit")
	d.send("\x12get 2")
	d.waitLine("(history) get 2")
	d.send("\r")
	d.waitLine(d.prompt + " customer get 2")
	d.send("\r")
	d.wait("Bouzin SARL")
	d.idle()
	d.send("half\x12zzz\x07")
	d.waitLine(d.prompt + " half")
	d.clean()
	d.send("\x1b[A\x1b[A")
	d.waitLine(d.prompt + " set limit 9")
	d.send("\x1b[A")
	d.waitLine(d.prompt + " customer get 3")
	d.send("\x1b[B\x1b[B\x1b[B")
	d.waitLine(d.prompt)
}

func editKeys(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	for keys, want := range map[string]string{
		"stomer get 1\x01cu":                    "customer get 1",
		"customer get 12\x02\x02\x0b":           "customer get",
		"customer gett\x7f 1":                   "customer get 1",
		"get customer\x17\x01\x19 \x05\x7f":     "customer get",
		"customer list\x15\x1f":                 "customer list",
		"customer list --mine\x1bb\x1bb\x1bd":   "customer  --mine",
		"customer \x1f":                         "",
		"cusotmer\x02\x02\x02\x02\x14\x05 list": "customer list",
	} {
		d.clean()
		d.send(keys)
		d.waitLine(strings.TrimRight(d.prompt+" "+want, " "))
	}
}

func editElsewhere(t *testing.T) {
	editor := script(
		t, "editor", `echo "$1" > "${0%/*}/args"; stat -c %a "$1" > "${0%/*}/mode"; printf 'customer get 2\n' > "$1"`)
	for _, variable := range []string{"EDITOR=" + editor, "VISUAL=" + editor} {
		d := sit(t, deskConfig{login: "sales1", env: []string{variable}})
		d.send("customer get\x18\x05")
		d.waitLine(d.prompt + " customer get 2")
		d.send("\r")
		d.wait("Bouzin SARL")
		d.idle()
		d.run("set limit 4", "limit is 4")
		since := len(d.output())
		d.send("edit\r")
		d.waitLine(d.prompt + " customer get 2")
		if strings.Contains(d.output()[since:], "lou@bouzin") {
			t.Error("edit ran the line")
		}
		d.clean()
	}
	if mode, err := os.ReadFile(filepath.Join(filepath.Dir(editor), "mode")); err != nil || string(mode) != "600\n" {
		t.Errorf("the file for the editor has mode %s (%v)", mode, err)
	}
	if name, err := os.ReadFile(filepath.Join(filepath.Dir(editor), "args")); err == nil {
		if _, err := os.Stat(strings.TrimSpace(string(name))); err == nil {
			t.Error("the file for the editor is left behind")
		}
	}
	d := sit(t, deskConfig{login: "sales1", env: []string{"EDITOR=/nonexistent"}})
	d.send("edit\r")
	d.wait("error: editor")
	d.idle()
	d.run("edit customer 1", "error: editor")
}

func editMore(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.send("customer add \"Two\r")
	d.waitLine("   ->")
	d.send("\x03")
	d.idle()
	d.send("customer list \\\r")
	d.waitLine("   ->")
	d.send("--limit 2\r")
	d.wait("2 rows")
	d.idle()
	d.send("event update --comments 'one\r")
	d.waitLine("   ->")
	d.send("two' 99999\r")
	d.wait("error")
	d.idle()
	d.send("\x1b[A")
	d.waitLine(d.prompt + " event update --comments 'one␤two' 99999")
}

func editUnicode(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	name := "Éditions 日本 🎉"
	d.send("customer add '" + name + "' 'Zoé Noel'\x1b[D\x1b[D\x7fë\r")
	d.wait("customer 31 added")
	d.idle()
	out := d.run("customer get 31 --format json", `"full_name"`)
	inOrder(t, plainly(out), name, "Zoé Noël")
	d.offers("customer get edit", "31", "ditions")
}

func editRecord(t *testing.T) {
	editor := script(t, "editor", `cp "$1" "${0%/*}/seen"; [ -e "${0%/*}/todo" ] && sh "${0%/*}/todo" "$1"; true`)
	todo := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(filepath.Dir(editor), "todo"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := sit(t, deskConfig{login: "sales1", env: []string{"EDITOR=" + editor}})
	audit := d.number("select count(*) from audit")
	d.run("edit customer 1", "nothing was changed")
	todo(`sed -i 's/^company_name: .*/company_name: "Hot: Start"/; s/^phone: .*/phone: ""/' "$1"`)
	for _, answer := range []string{"n\r", "\r", "\x03"} {
		since := len(d.output())
		d.send("edit customer 1\r")
		d.said(since, "save? [y/N]")
		d.send(answer)
		d.said(since, "cancelled")
		d.idle()
		inOrder(t, plainly(d.output()[since:]), `company-name: Cool Startup LLC → Hot: Start`,
			"phone: +67812345678 → --")
	}
	if n := d.number("select count(*) from audit"); n != audit {
		t.Error("something was changed before the answer was yes")
	}
	d.send("edit customer 1\r")
	d.wait("save? [y/N]")
	d.send("y\r")
	d.wait("customer 1 updated")
	d.idle()
	out := plainly(d.run("customer get 1 --format json", `"phone"`))
	inOrder(t, out, `"company_name":"Hot: Start"`, `"full_name":"Kevin Casey"`, `"email":"kevin@startup.example"`,
		`"phone":null`)
	d.offers("customer get hot", "1", "Hot: Start") // completion knows too
	kept := func(words ...string) {                 // the text that an error keeps in a file
		t.Helper()
		out := plainly(d.run("edit customer 1",
			append([]string{"error:"}, append(words, "your text is kept in ")...)...))
		path := strings.Fields(out[strings.Index(out, "kept in ")+len("kept in "):])[0]
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", path, err)
		}
		_ = os.Remove(path)
	}
	todo(`echo "nonsense: [" > "$1"`)
	kept("nothing was changed")
	// A text that stays as it is ends the edit, wherever the error says it is.
	todo(`grep -q 'Call: him' "$1" || sed -i 's/^full_name: .*/full_name: Call: him at 5/' "$1"`)
	kept("the text is not YAML")
	todo(`grep -q colour "$1" || echo "colour: red" >> "$1"`)
	kept("there is no field")
	todo(`sed -i 's/^email: .*/email: not an address/' "$1"`)
	kept("invalid --email")
	// The error is shown above the wrong line, and editing continues there.
	todo(
		`if grep -q '^# error: invalid --email' "$1"; then grep -A1 '^# error' "$1" | grep -q '^email: not' ` +
			`&& sed -i 's/^email: .*/email: kim@startup.example/' "$1"; ` +
			`else sed -i 's/^email: .*/email: not an address/' "$1"; fi`)
	d.send("edit customer 1\r")
	d.wait("save? [y/N]")
	d.send("y\r")
	d.idle()
	inOrder(t, plainly(d.run("customer get 1 --format json", `"phone"`)), `"email":"kim@startup.example"`)
	// A record that the user may not change opens no editor.
	todo(`touch "${0%/*}/opened"`)
	d.run(fmt.Sprintf("edit customer %d", d.number("select min(id) from customer where sales_id <> 3")),
		"not permitted")
	if _, err := os.Stat(filepath.Join(filepath.Dir(editor), "opened")); err == nil {
		t.Error("an editor was opened for a record of somebody else")
	}
	todo(`exit 0`)
	d.run("edit customer 999", "error:")
	d.run("edit event 1", "not permitted")
	d.run("edit nothing 1", "error:")
}

func editStale(t *testing.T) {
	editor := script(t, "editor", `sed -i 's/^full_name: .*/full_name: Kim Casey/' "$1"`)
	// the text that a refused change keeps is in the directory for temporary files
	d := sit(t, deskConfig{login: "sales1", env: []string{"EDITOR=" + editor, "TMPDIR=" + t.TempDir()}})
	other := sit(t, deskConfig{login: "sales1", beside: d})
	d.send("edit customer 1\r")
	d.wait("save? [y/N]")
	other.run("customer update 1 --company-name Meanwhile", "customer 1 updated")
	d.send("y\r")
	d.wait("error:")
	d.idle()
	inOrder(t, plainly(d.run("customer get 1 --format json", `"phone"`)), "Meanwhile", "Kevin Casey")
	d.send("edit customer 1\r")
	d.wait("save? [y/N]")
	d.send("y\r")
	d.wait("customer 1 updated")
	d.idle()
}
