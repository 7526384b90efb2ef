//go:build linux

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// boxPromises: completion.
var boxPromises = map[string]func(*testing.T){
	"what may come next":                         boxOffers,
	"only what the role may do":                  boxRoles,
	"live values with what they mean, ranked":    boxLive,
	"opens while typing, tab, enter and esc":     boxKeys,
	"a key writes few bytes":                     boxBytes,
	"values with spaces are quoted":              boxQuotes,
	"a blocked database does not block typing":   boxBlocked,
	"what this shell wrote is offered at once":   boxFresh,
	"what one user saw is not offered to other":  boxForgets,
	"views, and the values that they wait for":   boxViews,
	"people who are free first, deleted records": boxFit,
	"contracts on which the command can work":    boxContracts,
	"parts of views, notes and conditions":       boxParts,
}

// offers types a line and waits for the box to contain the rows, in this order; then it empties the line.
func (d *desk) offers(line string, rows ...string) {
	d.t.Helper()
	d.send(line)
	d.until("box of "+line+": "+strings.Join(rows, " | "), func() bool {
		screen := d.below()
		for _, row := range rows {
			_, rest, ok := strings.Cut(screen, row)
			if !ok {
				return false
			}
			screen = rest
		}
		return true
	})
	d.clean()
}

// below returns the text on the screen below the line.
func (d *desk) below() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := strings.Split(d.vt.String(), "\n")
	return strings.Join(lines[min(d.vt.Cursor().Y+1, len(lines)):], "\n")
}

// without types a line, waits for one row, and fails if another is shown.
func (d *desk) without(line, row, absent string) {
	d.t.Helper()
	d.send(line)
	d.until(row, func() bool { return strings.Contains(d.below(), row) })
	if strings.Contains(d.below(), absent) {
		d.t.Errorf("%q offers %s:\n%s", line, absent, d.below())
	}
	d.clean()
}

func boxOffers(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1", rows: 30})
	d.offers("c", "customer  list export get add update import history", "contract")
	d.offers("custo", "customer")
	d.offers("customer ", "list", "List customers", "get", "update", "history")
	d.offers("customer u", "update", "Change a customer")
	d.offers("cust u", "update", "Change a customer")
	d.offers("event add --", "--contract-id", "--name", "the name of the event", "--start-date", "--location")
	d.without("event add --name x --", "--location", "--name ")
	d.without("event add --name=x --", "--location", "--name ")
	d.offers("contract list --status ", "to_send", "pending", "signed", "finished", "canceled")
	d.offers("contract list --status fin", "finished")
	d.offers("contract list --status=fin", "finished")
	d.offers("customer list --format ", "table", "vertical", "json", "csv", "tsv", "markdown")
	d.offers("customer list --sort ", "created_at", "id:desc")
	d.offers("customer list --columns id,comp", "id,company_name")
	d.offers("event list --from ", "today", "tomorrow", "+7d")
	d.offers("help cu", "customer")
	d.offers("help customer ", "list", "get")
	d.offers("set ", "format", "color", "limit", "timing")
	d.offers("set format ", "table", "vertical", "json")
	d.offers("set timing o", "on", "off")
	d.without("set color ", "never", "json")
	d.without("help customer ", "history", "sign")
	d.offers("watch 5 customer l", "list", "List customers")
	d.offers("alias mine = customer l", "list", "List customers")
	// The box names the next argument until it is typed.
	d.offers("customer add ", "COMPANY_NAME: the company")
	d.offers("customer add Acme ", "FULL_NAME: the person")
	d.offers("contract pay 1 ", "AMOUNT")
	d.offers("event list --contract-id ", " to pay")
	d.send("\t") // on an empty line
	d.wait("login     Sign in")
	d.clean()
	dir := shortDir(t)
	for _, name := range []string{"monday.crm", "two words.crm", "tuesday.crm"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("set\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.offers("source "+dir+"/m", "monday.crm")
	d.send("source " + dir + "/two")
	d.until("file", func() bool { return strings.Contains(d.below(), "two words.crm'") })
	d.send("\t\r\r")
	d.wait("how answers are written")
	d.idle()
}

func boxRoles(t *testing.T) {
	d := sit(t, deskConfig{login: "support1"})
	d.without("customer ", "list", "add")
	d.without("contract ", "list", "sign")
	d.without("event ", "update", "delete")
	d.without("user ", "list", "add")
	d = sit(t, deskConfig{beside: d, login: "sales1"})
	d.without("customer ", "add", "delete")
	d = sit(t, deskConfig{beside: d, login: "manage"})
	d.without("customer ", "list", "add")
	d.offers("user ", "list", "add", "update", "delete")
	d = sit(t, deskConfig{beside: d})
	d.without("l", "login", "logout")
	d.without("h", "help", "history")
	d.send("customer ")
	d.waitLine("crm> customer")
	if text := d.below(); strings.TrimSpace(text) != "" {
		t.Error("a signed-out user is offered", text)
	}
}

func boxLive(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.offers("customer get ", "30", "29")
	d.offers("customer get cool", "1", "Cool Startup LLC — Kevin Casey")
	d.offers("customer get casey", "1", "Cool Startup LLC — Kevin Casey")
	d.offers("customer get CREM", "7", "Crèmerie Vasseur SASU — Inès Benali") // accents and case do not matter
	d.offers("customer get 2", "2 ", "Bouzin SARL", "29")                     // the word itself first
	d.offers("event get ", "12", "Åkesson General Assembly")
	d.offers("contract get ", "1")
	d.offers("user get boq", "3", "Bill Boquet")
	d.run("customer get 14", "14")
	d.offers("customer get ", "14", "30") // used last
	d.offers("event list --customer-id bou", "2", "Bouzin SARL")
	d.offers("event add --contract-id=", "—")
}

// boxFit offers what fits the rest of the line: support contacts who are free at the time of the event before those who
// are busy, and deleted records to restore.
func boxFit(t *testing.T) {
	d := sit(t, deskConfig{login: "admin"})
	d.sql(`update event e set support_id = 5, start_date = other.start_date, end_date = other.end_date, deleted_at = null
		from event other where e.id = 2 and other.id = 1`)
	d.offers("event assign 1 ", "6  Aliénor Vichum, support", "5  Kate Hastroff, support, busy with event 2")
	d.offers("event update 1 --support-id kate", "Kate Hastroff, support, busy with event 2")
	d.offers("event update 1 --support-id=", "6  Aliénor", "5  Kate")
	d.run("event assign 1 kate", "warning: ", "user 5: Kate Hastroff, support, busy with event 2")
	d.offers("event assign 1 ", "6  Aliénor Vichum", "5  Kate") // used last, and still busy
	d.offers("event assign 2 ", "6  Aliénor Vichum", "5  Kate Hastroff, support, busy with event 1")
	d.run("customer add Vanishing Vera", "customer 31 added")
	d.sql(`update customer set deleted_at = now() where id = 31`)
	d.sql(`update event set canceled_at = now(), support_id = null where id = 3`)
	d.without("customer restore ", "Vanishing — Vera", "Cool Startup")
	d.offers("event restore ", "canceled: ")
	d.run("customer restore vanishing", "customer 31 restored")
}

func boxKeys(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.send("customer get cool")
	d.wait("Cool Startup LLC")
	d.send("\x1b[B")
	d.waitLine(d.prompt + " customer get 1")
	since := len(d.output())
	d.send("\r") // accepts
	d.until("closed box", func() bool { return strings.TrimSpace(d.below()) == "" })
	d.waitLine(d.prompt + " customer get 1")
	if strings.Contains(d.output()[since:], "kevin@") {
		t.Error("Enter on a selected row ran the line")
	}
	d.send("\r")
	d.wait("kevin@startup.example")
	d.idle()
	d.send("contr")
	d.wait("contract  list")
	d.send("\x1b")
	d.until("closed box", func() bool { return strings.TrimSpace(d.below()) == "" })
	d.send("a")
	d.wait("contract  list")
	d.send("\x1b[B") // enters the box
	d.waitLine(d.prompt + " contract")
	d.send("\x1b") // leaves the selection
	d.waitLine(d.prompt + " contra")
	d.until("closed box", func() bool { return strings.TrimSpace(d.below()) == "" })
	d.send("\t\t") // opens the box and takes its only row, with a space
	d.waitLine(d.prompt + " contract")
	d.send("l\t--li\t2\r")
	d.wait("2 rows")
	d.idle()
	d.send("\x1b[A")
	d.waitLine(d.prompt + " contract list --limit 2")
}

func boxQuotes(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.run(`alias "x" = whoami`)
	dir := shortDir(t)
	if err := os.WriteFile(filepath.Join(dir, "it's here.crm"), []byte("set limit 33\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, open := range []string{"", `"`, `'`} {
		d.send("source " + open + dir + "/it")
		d.until("file", func() bool { return strings.Contains(d.below(), "here.crm") })
		since := len(d.output())
		d.send("\t\r\r")
		d.said(since, "limit is 33")
		d.idle()
	}
}

func boxBlocked(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	unlock := d.lock("customer")
	d.send("customer get ")
	d.stuck()
	for _, key := range "123" {
		d.send(string(key))
	}
	d.waitLine(d.prompt + " customer get 123")
	d.clean()
	d.offers("customer ", "list", "get")
	d.offers("customer list --", "--mine", "--limit")
	d.offers("contract list --status ", "to_send")
	d.run("set limit 3", "limit is 3")
	d.send("customer get ")
	d.waitLine(d.prompt + " customer get")
	unlock()
	d.until("late values", func() bool { return strings.Contains(d.below(), "Callaghan") }) // without another key
	d.clean()
}

func boxFresh(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.offers("customer get ", "30", "29")
	for i, name := range []string{"Atlas Fairs", "Borealis Halls", "Cirrus Stages"} {
		id := 31 + i
		d.run(fmt.Sprintf("customer add '%s' 'Nora New'", name), fmt.Sprintf("customer %d added", id))
		d.offers("customer get ", fmt.Sprint(id), name+" — Nora New")
	}
	d.run("customer update 33 --company-name 'Renamed GmbH'", "customer 33 updated")
	d.offers("customer get ren", "33", "Renamed GmbH — Nora New")
	file := filepath.Join(shortDir(t), "more.crm")
	if err := os.WriteFile(file, []byte("customer add 'From File' 'Fia'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run("source "+file, "customer 34 added")
	d.offers("customer get from", "34", "From File — Fia")
}

func boxForgets(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.offers("customer get cool", "1", "Cool Startup LLC")
	d.prompt = "crm>"
	d.run("logout", "signed out")
	d.send("customer get ")
	d.waitLine("crm> customer get")
	if text := d.below(); strings.TrimSpace(text) != "" {
		t.Error("after logout the box holds", text)
	}
}

func boxViews(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.offers("view save due contract l", "list", "List contracts")
	d.run("view save due contract list --unpaid", "view due saved: contract list --unpaid")
	d.run("view save of contract list --customer-id $1 --limit 1", "view of saved")
	d.offers("view ", "due", "contract list --unpaid", "of", "--customer-id $1", "list", "List your views")
	d.offers("view du", "due", "contract list --unpaid")
	d.offers("view show o", "of")
	d.offers("view share due ", "admin", "all")
	d.offers("view of ", "30", "29")
	d.offers("view of bouz", "2", "Bouzin SARL — Lou Bouzin")
	d.run("view of bouzin", "customer 2: Bouzin SARL — Lou Bouzin")
	// the prompt asks for what is missing
	d.send("view of\r")
	d.waitLine("$1:")
	since := len(d.output())
	d.send("bouzin\r")
	d.said(since, "customer 2: Bouzin SARL")
	d.idle()
	// a view is replaced after a yes
	d.send("view save due contract list --unsigned\r")
	d.waitLine("replace it? [y/N]")
	since = len(d.output())
	d.send("y\r")
	d.said(since, "view due saved: contract list --unsigned")
	d.idle()
	// the next page goes on with the command of the view
	d.run("view save few customer list --columns id", "view few saved")
	d.run("view few --limit 2", "next: --after 2")
	d.run("next", "next: --after 4")
	d.run("view save x customer list > x.csv", "error: view save takes no > FILE")
}
