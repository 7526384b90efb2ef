package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crm/repo"
)

// This file checks the rows of an import before the database does.

// unwanted returns a line for a row that would add a record which is no more, as an export of all records has them.
func (i *importing) unwanted(cells []string) []string {
	cell := func(column string) string {
		at := slices.Index(i.names, column)
		if at < 0 || at >= len(cells) || i.target(column) != nil {
			return ""
		}
		return i.plain(cells[at])
	}
	switch {
	case cell("deleted_at") != "":
		return []string{"deleted_at: a deleted " + i.noun + " is not imported"}
	case cell("canceled_at") != "", cell("status") == "canceled":
		return []string{"status: a canceled " + i.noun + " is not imported"}
	}
	return nil
}

// isHeader reports whether a row repeats the header, as files have it that were put together from several.
func (i *importing) isHeader(cells []string) bool {
	headers, cells := i.refused.withoutReason(i.file.Header.Cells), i.refused.withoutReason(cells)
	if i.file.Header.Line == 0 || len(headers) < 2 || len(cells) != len(headers) {
		return false
	}
	return slices.EqualFunc(cells, headers, func(cell, header string) bool {
		return plainHeader(cell) == plainHeader(header)
	})
}

// unlikeOthers returns a line for each customer, stored or of an earlier row, with the same email or phone as a row's,
// unless --force is given. Similar names are warnings.
func (i *importing) unlikeOthers(ctx context.Context, r imported, was []any) (wrong []string, err error) {
	if i.others == nil {
		if i.others, err = i.s.DB.CustomerIndex(ctx); err != nil {
			return nil, err
		}
	}
	before := repo.Change{}
	for column := range i.known.place {
		before[column] = i.cell(was, column)
	}
	old := after(repo.Customer{ID: r.id}, before)
	c := after(old, r.change)
	if isAs(c, old) {
		return nil, nil
	}
	if c.ID == 0 {
		c.ID = -int64(r.Line)
	}
	lines, strong := newLikenesses(old, c, i.others.Like(c), i.file.Unit)
	if strong && !i.in.Has("force") {
		return append(lines, anyway), nil
	}
	i.others.Add(c)
	i.doubt(r.Row, strings.Join(lines, "; "))
	return nil, nil
}

// missing returns a line for each required column without a value in a row that adds a record. Invalid values are not
// missing.
func (i *importing) missing(read Input, exists bool, wrong []string) (lines []string) {
	for _, t := range i.targets {
		needed := t.required || t.column == "paid_on" && i.source("paid_on") != nil
		isWrong := slices.ContainsFunc(wrong, func(w string) bool { return strings.HasPrefix(w, t.column+" ") })
		if needed && !exists && !isWrong && !read.Has(strings.ReplaceAll(t.column, "_", "-")) {
			lines = append(lines, t.column+" may not be empty")
		}
	}
	return lines
}

// noteFirst warns of a row whose contact would be the first one of a customer as well as that of an earlier row.
func (i *importing) noteFirst(r imported, was []any) {
	customer, is := r.change["customer_id"].(int64)
	if !is {
		customer, is = i.cell(was, "customer_id").(int64)
	}
	if r.change["first"] != true || !is {
		return
	}
	if before := i.firsts[customer]; before != 0 {
		i.doubt(r.Row, fmt.Sprintf("customer %d would get two first contacts, this one and that on %s %d: the one "+
			"with the lower number is the first", customer, i.file.Unit, before))
		return
	}
	i.firsts[customer] = r.Line
}

// unlikePaid refuses the rows of the batch whose contract had a payment of the same day and amount before the import,
// unless --force is given: a file that is imported twice would be paid twice.
func (i *importing) unlikePaid(ctx context.Context) error {
	if i.noun != "payment" || i.in.Has("force") {
		return nil
	}
	var unread []int64
	adds := func(r imported) bool { return r.wrong == "" && r.id == 0 }
	for _, r := range i.batch {
		if contract, _ := r.change["contract_id"].(int64); adds(r) && !i.read[contract] {
			i.read[contract] = true
			unread = append(unread, contract)
		}
	}
	if unread != nil {
		if err := i.writing.wait(); err != nil {
			return err
		}
		paid, err := i.s.DB.PaidKeys(ctx, unread)
		if err != nil {
			return err
		}
		maps.Copy(i.paid, paid)
	}
	for at, r := range i.batch {
		if k := i.paidKey(r.change); adds(r) && i.paid[k] > 0 {
			i.batch[at].forceable = true
			i.batch[at].wrong = fmt.Sprintf("contract %d has a payment of %s on %s already: %s", k.Contract,
				toShow(i.s, k.Amount), k.Day, anyway)
		}
	}
	return nil
}

func (i *importing) paidKey(payment repo.Change) repo.PaidKey {
	k := repo.PaidKey{Day: i.s.Locale.Now().In(i.s.Locale.Zone).Format(time.DateOnly)}
	k.Contract, _ = payment["contract_id"].(int64)
	k.Amount, _ = payment["amount"].(repo.Money)
	if on, given := payment["paid_on"].(time.Time); given {
		k.Day = on.Format(time.DateOnly)
	}
	return k
}

// isPartlyPaid reports whether the row of a contract says that something was paid.
func (i *importing) isPartlyPaid(cells []string) bool {
	at := slices.Index(i.names, "remaining_amount")
	total := i.source("total_amount")
	return i.noun == "contract" && at >= 0 && at < len(cells) && total != nil && cells[at] != "" &&
		i.plain(cells[at]) != total.text(cells, i.plain)
}
