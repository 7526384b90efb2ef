package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crm/repo"
	"crm/security/finding"
)

// This file refuses files whose amounts or days would be made up, and rows that name another customer than the one of
// their contract or customer_id.

// neverGuessed are the columns whose values would be made up for a file that perhaps has them under another header:
// what a contract costs, and the day of a payment.
var neverGuessed = map[string]string{"contract": "total_amount", "payment": "paid_on"}

// wordsFor are words of headers that may mean such a column.
var wordsFor = map[string][]string{
	"total_amount": {
		"amount", "total", "price", "value", "cost", "sum", "budget", "fee", "net", "gross", "montant", "prix",
		"valeur",
		"cout", "somme", "tarif", "ca", "ht", "ttc", "eur", "euro", "euros", "k",
	},
	"paid_on": {
		"date", "dates", "day", "on", "when", "posted", "booked", "received", "paid", "time", "jour", "le", "operation",
		"valeur", "recu", "paye",
	},
}

// unsure returns the error of a file without such a column that has headers which may mean it.
func (i *importing) unsure() error {
	column, has := neverGuessed[i.noun]
	if !has || i.key != "" || i.source(column) != nil || len(i.unused) == 0 {
		return nil
	}
	var unknown []string
	for _, at := range i.unused {
		header := i.file.Header.Cells[at]
		isOne := func(word string) bool { return slices.Contains(wordsFor[column], word) }
		if slices.ContainsFunc(finding.Words(header), isOne) {
			unknown = append(unknown, show(header))
		}
	}
	if unknown == nil {
		return nil
	}
	return &worded{
		fmt.Sprintf("%s has no column %s, and no column is known for %s", i.path, column, some(unknown)),
		fmt.Sprintf(`--map "HEADER=%s" says which one it is, --map "HEADER=" that one is something else`, column),
		repo.ErrInvalid,
	}
}

// unlikeNamed refuses the rows of the batch that name another customer than the one of their contract or customer_id:
// those of a file from another database, where these numbers are others.
func (i *importing) unlikeNamed(ctx context.Context) error {
	if i.customerAt < 0 || i.key == "id" {
		return nil
	}
	column, read := "customer_id", i.s.DB.NamesOfCustomers
	if i.target(column) == nil {
		column, read = "contract_id", i.s.DB.NamesOfContracts
	}
	var unread []int64
	for _, r := range i.batch {
		id, given := r.change[column].(int64)
		if _, known := i.parties[id]; given && !known && r.wrong == "" {
			i.parties[id] = repo.Customer{}
			unread = append(unread, id)
		}
	}
	if unread != nil {
		if err := i.writing.wait(); err != nil {
			return err
		}
		if err := read(ctx, unread, func(id int64, c repo.Customer) { i.parties[id] = c }); err != nil {
			return err
		}
	}
	for at, r := range i.batch {
		id, given := r.change[column].(int64)
		if !given || r.wrong != "" || i.customerAt >= len(r.Cells) {
			continue
		}
		if named, of := strings.TrimSpace(i.plain(r.Cells[i.customerAt])), i.parties[id]; !mayName(named, of) {
			i.batch[at].wrong = fmt.Sprintf("%s %s: %s %d is of %s; to ignore it: --map %s",
				i.file.Header.Cells[i.customerAt], show(named), strings.TrimSuffix(column, "_id"), id,
				show(of.CompanyName), Quote(i.file.Header.Cells[i.customerAt]+"="))
		}
	}
	return nil
}

// mayName reports whether a text may stand for a customer: nothing, its number, email, company or person, also in part.
func mayName(text string, c repo.Customer) bool {
	if text == "" || c.ID == 0 || text == fmt.Sprint(c.ID) || strings.EqualFold(text, c.Email) ||
		sameWords(text, c.CompanyName) {
		return true
	}
	if strings.Trim(text, "0123456789") == "" {
		return false
	}
	company, own := finding.CompanyKey(text), finding.CompanyKey(c.CompanyName)
	return finding.PersonKey(text) == finding.PersonKey(c.FullName) ||
		strings.HasPrefix(company, own) || strings.HasPrefix(own, company)
}

// customerHeaders are the headers that name the customer of a row. Others of a company may be the user's own bank.
var customerHeaders = []string{
	"customer", "client", "company", "societe", "customer name", "client name", "nom du client", "company name",
}

// findCustomer finds the column that names the customer of a row besides its customer_id or contract_id.
func (i *importing) findCustomer(taken map[int]bool) {
	i.customerAt, i.parties = -1, map[int64]repo.Customer{}
	refers := i.source("customer_id")
	if i.target("customer_id") == nil {
		refers = i.source("contract_id")
	}
	if refers == nil || i.noun == "customer" {
		return
	}
	for at, h := range i.file.Header.Cells {
		if slices.Contains(customerHeaders, plainHeader(h)) && !taken[at] {
			i.customerAt = at
			return
		}
	}
}
