//go:build linux

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loopPages shows the next pages of a list, uses the last ID, and chooses among records with one name.
func loopPages(t *testing.T) {
	d := sit(t, deskConfig{login: "manage"})
	d.run("customer list --limit 1 --columns id", "next: --after 1")
	d.run("", "next: --after 2")
	d.run("next", "next: --after 3")
	d.run("customer get 2 --format csv", "2,Bouzin SARL")
	d.run("next", "there is no next page")
	d.run("customer get $_ --format csv", "2,Bouzin SARL")
	d.run("customer get bouzin --format csv", "2,Bouzin SARL", "customer 2: Bouzin SARL — Lou Bouzin")
	since := len(d.output())
	d.send("user get sales --format csv\r")
	d.wait("3  Bill Boquet") // the box
	d.send("2\r")
	d.said(since, "want one of the numbers; Esc cancels")
	d.send("bill\t\r")
	d.said(since, "sales1@epic.example")
	d.idle()
}

// loopToFile writes answers to files: data only, of mode 0600, whole or not at all. It overwrites a file only after a
// yes.
func loopToFile(t *testing.T) {
	d := sit(t, deskConfig{login: "manage"})
	file := filepath.Join(shortDir(t), "out.csv")
	held := func() string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	d.run("customer list --columns id > "+file, "30 rows written to "+file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || strings.Count(held(), "\n") != 31 {
		t.Errorf("%v, %v, holds %q", info, err, held())
	}
	since := len(d.output())
	d.send("customer get 2 > " + file + "\r")
	d.said(since, "[y/N]")
	d.send("n\r")
	d.said(since, "cancelled")
	d.idle()
	d.run("customer get 999 >|"+file, "there is no customer 999")
	if !strings.HasPrefix(held(), "id\n1\n") {
		t.Errorf("a refused command left %q", held())
	}
	d.run("customer get 2 --format json >| "+file, "written to "+file)
	if !strings.HasPrefix(held(), `{"id":2,`) {
		t.Errorf("replaced by %q", held())
	}
	d.run("customer list >", "> needs the name of a file")
	d.run("customer list > "+filepath.Dir(file), "directory:")
	d.run("customer list > "+filepath.Join(filepath.Dir(file), "none", "x.csv"), "cannot", "no directory")
	if names, err := os.ReadDir(filepath.Dir(file)); err != nil || len(names) != 1 {
		t.Errorf("left over: %v, %v", names, err)
	}
}

// loopToProgram hands answers to programs, which have the terminal and Ctrl-C to themselves, and leave it as it was.
func loopToProgram(t *testing.T) {
	rude := script(t, "rude", `stty -icanon -echo </dev/tty; printf '\033[?1049h'; cat >/dev/null; kill -KILL $$`)
	d := sit(t, deskConfig{login: "manage", env: []string{"CRM_SHELL_PIPE=true", "LESS="}})
	file := filepath.Join(shortDir(t), "out")
	d.run("customer list --format csv --columns id | sort -rn | head -1", "30\r\n")
	since := len(d.output())
	d.send("customer list --limit 2 | less\r")
	d.said(since, "(END)")
	d.send("q")
	d.said(since, "2 rows")
	d.idle()
	d.run("customer get 1 | "+rude, "\x1b[?47l", "error: ", "was ended: killed")
	d.run("customer list --columns id --limit 1 | tr 1 x >| "+file, "written to "+file)
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "│  x │") {
		t.Errorf("%v, holds %q", err, text)
	}
	since = len(d.output())
	d.send("whoami | sh -c 'echo awaits; exec sleep 1000'\r")
	d.said(since, "awaits\r\n")
	d.send("\x03")
	d.said(since, "cancelled")
	d.idle()
	since = len(d.output())
	// The child says when the shell waits for it: a shell that is about to start one does not pass Ctrl-C on.
	d.send("whoami --format csv | sh -c 'trap \"echo goes on\" INT; sh -c \"echo awaits; exec sleep 1000\"; tail -1'\r")
	d.said(since, "awaits\r\n")
	d.send("\x03")
	d.said(since, "goes on\r\n")
	d.said(since, ",manage@epic.example,")
	d.idle()
	if strings.Contains(d.output()[since:], "cancelled") {
		t.Error("a program that went on after Ctrl-C is reported as cancelled")
	}
	d.run("alias top = customer list --format csv --columns id | head -2 | tail -1", "alias top")
	d.run("top", "1\r\n")
	d.send("customer list | head -1")
	d.clean()
}

// loopImport shows how far an import and an export are, with the rate and the time left, on a terminal only. After the
// first batch the file is not read to its end.
func loopImport(t *testing.T) {
	d := sit(t, deskConfig{login: "admin"})
	file := filepath.Join(shortDir(t), "in.csv")
	rows := "company,name,notes\n" + strings.Repeat("Progress SARL,,"+strings.Repeat("x", 300)+"\n", 1500)
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run("customer import "+file, "importing", "B/s", "[", "1,500 of 1,500 rows are refused")
	var people strings.Builder
	people.WriteString("company,name\n")
	for i := range 1200 {
		fmt.Fprintf(&people, "Progress %d SARL,Ada %d\n", i, i)
	}
	if err := os.WriteFile(file, []byte(people.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	// Rows that --force would import are asked about.
	if err := os.WriteFile(file, []byte("company,name,email\nOther SARL,Kim Other,kevin@startup.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, answer := range []string{"n", "y"} {
		since := len(d.output())
		d.send("customer import " + file + "\r")
		d.said(since, "1 row is refused: import it anyway?")
		d.send(answer + "\r")
		d.said(since, map[string]string{"n": "cancelled", "y": "1 customer (1 added)"}[answer])
		d.idle()
		inOrder(t, plainly(d.output()[since:]), "line 2: customer 1 ", "has the same email", "import it anyway?")
	}
	if _, err := os.Stat(file + ".rejected.csv"); err == nil {
		t.Error("the file of refused rows is left")
	}
	if err := os.WriteFile(file, []byte(people.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	book := filepath.Join(filepath.Dir(file), "out.xlsx")
	d.run("customer import "+file, "1,200 customers (1,200 added)")
	d.run("customer export "+book, "exporting", "(1000/12", "rows/s", "[", "written to "+book)
	d.run("customer import "+book+" --key id", "importing", "(1001/12", "rows/s", "already so)")
	d.run("customer list --columns id > "+filepath.Join(filepath.Dir(file), "ids.csv"), "exporting", "(1000/12")
}

// loopKilled ends the program without a warning while it writes a file: nothing is left of it.
func loopKilled(t *testing.T) {
	dir := shortDir(t)
	for _, line := range []string{
		"customer export " + filepath.Join(dir, "a.csv"), "customer list > " + filepath.Join(dir, "b.json"),
	} {
		d := sit(t, deskConfig{login: "sales1"})
		d.lock("customer")
		d.send(line + "\r")
		d.stuck()
		if err := d.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		d.end()
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("%s leaves %v, %v", line, left, err)
		}
	}
}
