//go:build linux

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"crm/shell/render"
)

// outputPromises: the form of answers, and the commands that stay on the screen.
var outputPromises = map[string]func(*testing.T){
	"tables fit":                         outputFits,
	"pager only when taller":             outputPages,
	"timing":                             outputTiming,
	"colour when it is wanted":           outputColour,
	"watch":                              watchChanges,
	"watch of what fails, and of writes": watchRefuses,
	"help":                               helpExplains,
	"aliases":                            aliasesLast,
	"welcome":                            welcomes,
}

func outputFits(t *testing.T) {
	for _, cols := range []uint16{80, 200} {
		d := sit(t, deskConfig{login: "sales1", cols: cols, rows: 50, env: []string{"PAGER="}})
		for _, command := range []string{
			"customer list", "contract list --limit 20", "event list", "user list", "customer get 1", "event get 1",
			"customer history 1", "set", "help", "help customer list", "customer list --format vertical --limit 3",
			"nonsense",
			"user list --columns nonsense", "contract update 1", "event update 1 --nonsense", // long errors and hints
		} {
			d.send("\x0c")
			d.idle()
			out := d.run(command)
			for line := range strings.Lines(plainly(out[strings.Index(out, "\x1b[?2004l"):])) {
				if n := render.Width(strings.TrimRight(line, "\n")); n > int(cols) && !strings.Contains(line, "crm>") {
					t.Errorf("%s at %d columns: %d in %q", command, cols, n, line)
				}
			}
		}
	}
}

func outputPages(t *testing.T) {
	pager := script(t, "pager", `echo run >> "${0%/*}/runs"; cat > "${0%/*}/got"; cat "${0%/*}/got"`)
	d := sit(t, deskConfig{login: "sales1", rows: 20, env: []string{"PAGER=" + pager}})
	runs := func() int {
		b, _ := os.ReadFile(filepath.Join(filepath.Dir(pager), "runs"))
		return strings.Count(string(b), "run")
	}
	d.run("customer list --limit 5", "5 rows")
	if runs() != 0 {
		t.Error("an answer that fits is paged")
	}
	d.run("customer list", "30 rows")
	got, err := os.ReadFile(filepath.Join(filepath.Dir(pager), "got"))
	if err != nil || runs() != 1 || strings.Count(string(got), "\n") < 30 || strings.Contains(string(got), "30 rows") {
		t.Errorf("the pager ran %d times and got %s (%v)", runs(), got, err)
	}
	d.resize(80, 60)
	d.run("customer list", "30 rows")
	if runs() != 1 {
		t.Error("an answer that fits the window as it is now is paged")
	}
	d.resize(80, 20)
	d.run("customer list --format json --limit 1", "company_name")
	for _, pager := range []string{"", "cat", "/nonexistent", "false", "head -n 1"} {
		d = sit(t, deskConfig{login: "sales1", beside: d, env: []string{"PAGER=" + pager}})
		d.run("customer list", "30 rows")
	}
	// less shows UTF-8 without a LANG too.
	for own, want := range map[string]string{"LC_ALL=C": "utf-8: │", "LESSCHARSET=latin1": "latin1: │"} {
		d = sit(t, deskConfig{login: "sales1", beside: d, env: []string{own, `PAGER=sed "s/^/$LESSCHARSET: /"`}})
		d.run("customer list", want)
	}
	// The pager gets Ctrl-C; the shell continues.
	d = sit(t, deskConfig{login: "sales1", beside: d, env: []string{"PAGER=cat >/dev/null; echo PAGING; sleep 60"}})
	d.send("customer list\r")
	d.wait("PAGING")
	d.send("\x03")
	d.idle()
	d.run("set limit 3", "limit is 3")
}

func outputTiming(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	ms := regexp.MustCompile(`\d+\.\d ms`)
	if out := d.run("customer list --limit 1", "1 row"); ms.MatchString(out) {
		t.Error("timing is on from the start")
	}
	d.run("set timing on", "timing is on")
	for _, command := range []string{"customer list --limit 1", "customer get 1", "set limit 7"} {
		if out := d.run(command); !ms.MatchString(out) {
			t.Errorf("%s does not say how long it took: %s", command, out)
		}
	}
	d.run("set timing off", "timing is off")
	if out := d.run("customer list --limit 1", "1 row"); ms.MatchString(out) {
		t.Error("timing cannot be set off")
	}
	d.run("set timing maybe", "error: invalid timing")
}

func outputColour(t *testing.T) {
	coloured := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	for _, c := range []struct {
		env, flag string
		want      bool
	}{
		{"X=", "", true},
		{"NO_COLOR=1", "", false},
		{"X=", "--color=never", false},
		{"NO_COLOR=1", "--color=always", true},
	} {
		conf := deskConfig{login: "sales1", env: []string{c.env}}
		if c.flag != "" {
			conf.flags = []string{c.flag}
		}
		d := sit(t, conf)
		out := d.run("contract list --limit 3", "3 rows")
		out = out[strings.Index(out, "\x1b[?2004l"):strings.LastIndex(out, "\x1b[?2004h")]
		if got := coloured.MatchString(out); got != c.want {
			t.Errorf("%s %s: coloured %v, want %v: %q", c.env, c.flag, got, c.want, out)
		}
		if c.env != "X=" && c.flag == "" {
			if regexp.MustCompile(`\x1b\[[0-9;]*(3|4|9|10)[0-9]m`).MatchString(d.output()) {
				t.Errorf("%s: the prompt is coloured", c.env)
			}
		}
		if c.flag == "" {
			d.run("set color always", "color is always")
			out := d.run("contract list --limit 3", "3 rows")
			answer := out[strings.Index(out, "\x1b[?2004l"):strings.LastIndex(out, "\x1b[?2004h")]
			if !coloured.MatchString(answer) {
				t.Errorf("%s: set color always does nothing", c.env)
			}
		}
	}
}

func watchChanges(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	other := sit(t, deskConfig{login: "sales1", beside: d})
	d.run("customer list --limit 2", "2 rows")
	before := d.screen()
	d.send("watch 1 customer list --limit 3\r")
	d.wait("every 1s: customer list --limit 3")
	d.wait("Kevin Casey")
	if !d.isCooked() {
		t.Error("watch leaves the terminal raw")
	}
	since := len(d.output())
	other.run("customer update 1 --full-name 'Kim Casey'", "updated")
	d.said(since, "\x1b[7mKim\x1b[0m") // and only that word
	d.wait("Kim Casey")
	if out := d.output()[since:]; strings.Contains(out, "\x1b[7mStart") || strings.Contains(out, "\x1b[7mBouzin") ||
		strings.Contains(out, "\x1b[7m┌") {
		t.Errorf("more is highlighted than what changed: %q", out)
	}
	d.send("\x03")
	d.idle()
	if after := d.screen(); !strings.HasPrefix(strings.TrimSpace(after),
		strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(before), d.prompt))) {
		t.Errorf("watch does not bring the screen back:\n%s\nbefore:\n%s", after, before)
	}
	if strings.Contains(d.screen(), "cancelled") {
		t.Error("leaving watch is called a failure")
	}
	d.send("watch 1 customer list\r")
	for _, size := range [][2]uint16{{60, 12}, {30, 3}, {120, 40}} {
		d.resize(size[0], size[1])
		since := len(d.output())
		// The first drawing may have begun before the window changed; the second is whole when the third begins.
		var drawings []string
		d.until("three drawings", func() bool {
			drawings = strings.Split(d.output()[since:], "every 1s")
			return len(drawings) > 3
		})
		if rows := strings.Count(drawings[2], "\n"); rows >= int(size[1]) {
			t.Errorf("watch draws %d rows on %d", rows, size[1])
		}
	}
	d.send("\x03")
	d.idle()
	d.run("alias two = customer list --limit 2", "alias")
	d.send("watch 1 two\r")
	d.wait("every 1s: two")
	d.wait("Bouzin SARL")
	d.send("\x03")
	d.idle()
	d.run("set limit 3", "limit is 3")
}

func watchRefuses(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	for _, command := range []string{
		"customer add A B", "contract sign 1", "exit", "watch customer list",
		"edit customer 1", "logout",
	} {
		d.run("watch "+command, "error: ")
	}
	d.run("watch 0 customer list", "error: ")
	d.run("watch 1 customer list --nonsense", "error")
	if n := d.number("select count(*) from customer"); n != 30 {
		t.Errorf("%d customers, want 30", n)
	}
}

func helpExplains(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1", rows: 60, env: []string{"PAGER="}})
	for _, command := range []string{"help", "?"} {
		inOrder(t, plainly(d.run(command)), "Records", "customer", "list export get add update import history",
			"Session", "login EMAIL", "exit")
	}
	if out := plainly(d.run("help customer")); !strings.Contains(out, "customer add") ||
		strings.Contains(out, "customer delete") {
		t.Errorf("help customer of a sales contact: %s", out)
	}
	// between the line that was typed and the next prompts, however often they were drawn
	body := func(out string) string {
		_, out, _ = strings.Cut(plainly(out), "Change a customer")
		return strings.TrimSpace(strings.ReplaceAll(out, "sales1 crm>", ""))
	}
	full := d.run("help customer update", "customer update ID")
	want := plainly(full)
	inOrder(t, want, "Change a customer", "--company-name", "--email", "Examples", "customer update 1 --phone")
	for _, command := range []string{
		"customer update --help", "customer update 1 --help", "cust up --help",
		"? customer update",
	} {
		if got := body(d.run(command, "customer update ID")); got != body(full) {
			t.Errorf("%s says something else: %s", command, got)
		}
	}
	d.run("custmer list", "did you mean customer?")
	d.run("customer lst", "did you mean customer list?")
	d.run("customer list --serch x", "error: unknown flag")
	d.run("customer", "error: customer needs a verb")
	d.run("customer delete 1", "not permitted")
	d = sit(t, deskConfig{beside: d, rows: 60})
	if out := plainly(d.run("help")); strings.Contains(out, "Records") || !strings.Contains(out, "login EMAIL") {
		t.Errorf("help when signed out: %s", out)
	}
	d.run("customer list", "not signed in")
}

func aliasesLast(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1", env: []string{"PAGER="}})
	d.run("alias mine = customer list --mine --limit 2", "alias mine")
	d.run("mine", "2 rows")
	d.run("mine --sort id:desc", "29", "2 rows")
	d.offers("mi", "mine", "customer list --mine --limit 2")
	d.offers("mine --", "--sort")
	d.run("alias customer = whoami", "error: customer is a command")
	d.run("alias bad = custmer list", "error: ")
	d.run("alias again = mine", "error: ")
	d.run("alias", "mine", "customer list --mine --limit 2")
	d.run("alias list", "mine")
	d.run("mine --help", "List customers")
	d.send("exit\r")
	d.endCooked(0)
	file, found := "", ""
	for path, content := range d.storedFiles() {
		if strings.Contains(path, "/config/") && strings.Contains(content, "mine") {
			file, found = path, content
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 ||
		found != "mine = customer list --mine --limit 2\n" {
		t.Errorf("%s holds %q (%v)", file, found, err)
	}
	d = sit(t, deskConfig{login: "sales1", beside: d, env: []string{"XDG_CONFIG_HOME=" + d.home + "/config"}})
	d.run("mine", "2 rows")
	d.run("unalias mine", "forgotten")
	d.run("mine", "error: unknown command")
	d.run("unalias mine", "error: ")
}

func welcomes(t *testing.T) {
	d := sit(t, deskConfig{})
	for _, want := range []string{"crm ", d.database, `"help" lists the commands`} {
		if !strings.Contains(d.screen(), want) {
			t.Errorf("the welcome does not say %q:\n%s", want, d.screen())
		}
	}
	for _, c := range []struct{ who, name, waits string }{
		{"sales1", "Bill Boquet (sales)", "of yours to be signed"},
		{"support1", "(support)", "wait"},
		{"manage", "(manage)", "without support"},
	} {
		d.prompt = "crm>"
		d.idle()
		at := len(d.output())
		d.send("login " + c.who + "@epic.example\r")
		d.said(at, "password: ")
		d.until("raw mode", func() bool { return !d.isCooked() })
		d.send("Epic-Events-2026!\r")
		d.prompt = c.who + " crm>"
		d.idle()
		inOrder(t, plainly(d.output()[at:]), "signed in as", c.name, c.waits)
		if title := fmt.Sprintf("\x1b]0;%s@epic.example · crm · ", c.who); !strings.Contains(d.output()[at:], title) {
			t.Errorf("the window is not called %q", title)
		}
		d.prompt = "crm>"
		d.run("logout", "signed out")
	}
}
