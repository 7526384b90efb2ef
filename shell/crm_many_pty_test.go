//go:build linux

package shell

import (
	"fmt"
	"testing"
)

// manyPromises: conditions, changes of many records, and customers that may be one.
var manyPromises = map[string]func(*testing.T){
	"tab completes conditions":           manyConditions,
	"a change of many is shown and asks": manyUpdates,
	"a duplicate customer asks":          manyDuplicates,
	"a change of many names duplicates":  manyAlike,
}

func manyConditions(t *testing.T) {
	d := sit(t, deskConfig{login: "admin"})
	d.offers(`contract list --where "rem`, "remaining_amount")
	d.offers(`contract list --where "status `, "status =", "status !=", "status is empty", "status is not empty")
	d.offers(`contract list --where "status = `, "to_send", "pending", "signed", "finished", "canceled")
	d.offers(`contract list --where "status = pending `, "and", "or")
	d.offers(`contract list --where "status = pending and tot`, "total_amount")
	d.offers(`customer update --where "company_name `, "company_name ~", "company_name !~")
	// The quote stays open until the condition is whole.
	for typed, want := range map[string]string{
		`"sta`: `"status`, `'sta`: `'status`, `sta`: `"status`, `"status = pending and tot`: `"status = pending and total_amount`,
		`"not (status = pen`: `"not (status = pending`,
	} {
		d.send(`contract list --where ` + typed + "\t")
		d.waitLine(d.prompt + ` contract list --where ` + want)
		d.send("\x03")
		d.idle()
	}
	d.send(`contract list --where "status = pen` + "\t")
	d.waitLine(d.prompt + ` contract list --where 'status = pending'`)
	d.send(" --limit 1 --columns status\r")
	d.wait("1 row")
	d.idle()
	d.run(`customer list --where "company_nam ~ bouzin"`, "error:", "company_name")
}

func manyUpdates(t *testing.T) {
	d := sit(t, deskConfig{login: "manage"})
	const pending = "select count(*) from contract where status = 'pending' and deleted_at is null"
	count, audit := d.number(pending), d.number("select count(*) from audit")
	if count < 2 {
		t.Fatalf("%d contracts are pending, want some", count)
	}
	const line = `contract update --where "status = pending" --status canceled`
	for _, answer := range []string{"n\r", "\r", "\x1b", "\x03"} {
		since := len(d.output())
		d.send(line + "\r")
		d.said(since, "[y/N]")
		inOrder(t, plainly(d.output()[since:]), fmt.Sprintf("%d contracts would change", count),
			"status pending → canceled", fmt.Sprintf("change %d contracts? [y/N]", count))
		d.send(answer)
		d.said(since, "cancelled")
		d.idle()
	}
	if d.number(pending) != count || d.number("select count(*) from audit") != audit {
		t.Error("something was changed without a yes")
	}
	since := len(d.output())
	d.send(line + "\r")
	d.said(since, "[y/N]")
	d.send("y\r")
	d.said(since, fmt.Sprintf("%d contracts updated", count))
	d.idle()
	if n := d.number(pending); n != 0 {
		t.Errorf("%d contracts are still pending", n)
	}
	d.run("undo", fmt.Sprintf("%d contracts", count))
	if n := d.number(pending); n != count {
		t.Errorf("after undo %d contracts are pending, want %d", n, count)
	}
	d.run(`contract update --where "status = pending and total_amount < 0" --status canceled`, "no contract fits")
}

func manyDuplicates(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	count := d.number("select count(*) from customer")
	d.run("customer duplicates", "no rows")
	since := len(d.output())
	d.send(`customer add "Cool Startup GmbH" "Kevin Cazey" --email kevin@startup.example` + "\r")
	d.said(since, "customer 1 Cool Startup LLC (Kevin Casey) has the same email and similar names")
	d.said(since, "continue anyway? [y/N]")
	d.send("\r")
	d.said(since, "cancelled")
	d.idle()
	if n := d.number("select count(*) from customer"); n != count {
		t.Errorf("there are %d customers, want %d", n, count)
	}
	since = len(d.output())
	d.send(`customer add "Cool Startup GmbH" "Kevin Cazey" --email kevin@startup.example` + "\r")
	d.said(since, "continue anyway? [y/N]")
	d.send("y\r")
	d.said(since, fmt.Sprintf("customer %d added", count+1))
	d.idle()
	d.run("customer duplicates", "Cool Startup LLC", "the same", "1 row")
	since = len(d.output())
	d.send(fmt.Sprintf("customer merge 1 %d\r", count+1))
	d.said(since, "[y/N]")
	d.send("y\r")
	d.said(since, fmt.Sprintf("customer %d", count+1))
	d.idle()
	d.run("customer duplicates", "no rows")
}

func manyAlike(t *testing.T) {
	d := sit(t, deskConfig{login: "admin"})
	const line = `customer update --where "id <= 3" --email lou@bouzin.example`
	count := d.number("select count(*) from audit")
	since := len(d.output())
	d.send(line + "\r")
	d.said(since, "[y/N]")
	inOrder(t, plainly(d.output()[since:]), "2 customers would change (1 already so)",
		"customer 3 (Quick & Daughters Ltd): customer 1 Cool Startup LLC (Kevin Casey)",
		"change 2 customers? [y/N]")
	d.send("\r")
	d.said(since, "cancelled")
	d.idle()
	if d.number("select count(*) from audit") != count {
		t.Error("something was changed without a yes")
	}
	d.run(line+" --yes", "error: nothing was changed", "--force does it anyway")
	d.run(line+" --yes --force", "2 customers updated (1 already so)")
}
