package commands

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/currency"

	"crm/repo"
)

// This file refuses what a file says about a row besides the columns that are imported, if it contradicts these:
// another currency, another customer. It also refuses files whose amounts or days would be made up.

// codeOfCurrency matches a code of ISO 4217 at the end of a header, perhaps in brackets.
var codeOfCurrency = regexp.MustCompile(`^(.*\S)\s*[ (\[]([A-Z]{3})[)\]]?$`)

// currencyOf returns the currency that a header of amounts names, empty if none, and the header without it.
func currencyOf(header string) (unit, rest string) {
	header = strings.TrimSpace(header)
	if at := strings.IndexFunc(header, func(r rune) bool { return unicode.Is(unicode.Sc, r) }); at >= 0 {
		// a letter before it is a factor, as in k€, and no word of the header
		isFactor := at > 0 && unicode.IsLetter(rune(header[at-1]))
		symbol := string([]rune(header[at:])[:1])
		if rest = strings.Trim(strings.Replace(header, symbol, "", 1), " ()[]"); isFactor {
			rest = header
		}
		return symbol, rest
	}
	if m := codeOfCurrency.FindStringSubmatch(header); m != nil {
		if _, err := currency.ParseISO(m[2]); err == nil {
			return m[2], m[1]
		}
	}
	return "", header
}

// isAmount reports whether a column has amounts of money.
func (t *target) isAmount() bool { return t.kind.Name == Amount.Name }

// isOwn reports whether a currency is the company's; every one is if it has none.
func (i *importing) isOwn(unit string) bool {
	return i.s.Locale.Currency == "" || slices.ContainsFunc(currencyMarks(i.s.Locale), func(mark string) bool {
		return strings.EqualFold(mark, strings.TrimSpace(unit))
	})
}

// unitHeaders are the headers of a column with the currency of a row.
var unitHeaders = []string{"currency", "currency code", "devise", "code devise", "monnaie"}

// sameCurrency returns the error of a header with another currency than the company's.
func (i *importing) sameCurrency() error {
	for _, src := range i.sources {
		for _, at := range slices.Concat(src.at...) {
			unit, _ := currencyOf(i.file.Header.Cells[at])
			if src.target.isAmount() && unit != "" && !i.isOwn(unit) {
				return &worded{
					fmt.Sprintf("the header %s of %s names another currency: amounts are in %s",
						show(i.file.Header.Cells[at]), i.path, i.s.Locale.Currency),
					"convert them, and rename the header", repo.ErrInvalid,
				}
			}
		}
	}
	return nil
}

// foreign returns a line for a row with amounts in another currency.
func (i *importing) foreign(cells []string) []string {
	for at, header := range i.file.Header.Cells {
		isUnit := slices.Contains(unitHeaders, plainHeader(header)) && !i.skipped[at]
		if !isUnit || at >= len(cells) || !slices.ContainsFunc(i.targets, func(t target) bool { return t.isAmount() }) {
			continue
		}
		if unit := strings.TrimSpace(i.plain(cells[at])); unit != "" && !i.isOwn(unit) {
			return []string{fmt.Sprintf("%s %s: amounts are in %s", header, show(unit), i.s.Locale.Currency)}
		}
	}
	return nil
}

// certain are the columns whose values would be made up for a file that perhaps has them under another header: what a
// contract costs, and the day of a payment.
var certain = map[string]string{"contract": "total_amount", "payment": "paid_on"}

// unsure returns the error of a file without such a column that has headers which are not recognised.
func (i *importing) unsure() error {
	column, has := certain[i.noun]
	if !has || i.key != "" || i.source(column) != nil || len(i.unused) == 0 {
		return nil
	}
	var unknown []string
	for _, at := range i.unused {
		if header := i.file.Header.Cells[at]; !slices.Contains(reasonHeaders, header) {
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
	column, read := "customer_id", i.s.DB.CompaniesOf
	if i.target(column) == nil {
		column, read = "contract_id", i.s.DB.CompaniesOfContracts
	}
	var unread []int64
	for _, r := range i.batch {
		id, given := r.change[column].(int64)
		if _, known := i.companies[id]; given && !known && r.wrong == "" {
			i.companies[id] = ""
			unread = append(unread, id)
		}
	}
	if unread != nil {
		if err := i.writing.wait(); err != nil {
			return err
		}
		if err := read(ctx, unread, func(id int64, company string) { i.companies[id] = company }); err != nil {
			return err
		}
	}
	for at, r := range i.batch {
		id, given := r.change[column].(int64)
		if !given || r.wrong != "" || i.customerAt >= len(r.Cells) {
			continue
		}
		named, company := strings.TrimSpace(i.plain(r.Cells[i.customerAt])), i.companies[id]
		if named != "" && company != "" && !sameWords(named, company) {
			i.batch[at].wrong = fmt.Sprintf("%s %s: %s %d is of %s; to ignore it: --map %s",
				i.file.Header.Cells[i.customerAt], show(named), strings.TrimSuffix(column, "_id"), id, show(company),
				Quote(i.file.Header.Cells[i.customerAt]+"="))
		}
	}
	return nil
}

// findCustomer finds the column that names the customer of a row besides its customer_id or contract_id.
func (i *importing) findCustomer(taken map[int]bool) {
	i.customerAt, i.companies = -1, map[int64]string{}
	refers := i.source("customer_id")
	if i.target("customer_id") == nil {
		refers = i.source("contract_id")
	}
	if refers == nil || i.noun == "customer" {
		return
	}
	i.customerAt = slices.IndexFunc(i.file.Header.Cells, func(h string) bool {
		plain := plainHeader(h)
		return plain == "customer" || slices.Contains(companyHeaders, plain)
	})
	if i.customerAt >= 0 && taken[i.customerAt] {
		i.customerAt = -1
	}
}
