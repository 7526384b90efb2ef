package commands

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/currency"

	"crm/repo"
	"crm/security/finding"
)

// This file finds amounts in another currency than the company's, by their header or a column that names it.

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
	inBrackets := strings.ContainsAny(header, "([")
	if m := codeOfCurrency.FindStringSubmatch(header); m != nil && (inBrackets || header != strings.ToUpper(header)) {
		if _, err := currency.ParseISO(m[2]); err == nil {
			return m[2], m[1]
		}
	}
	return "", header
}

// qualities are words of a header of amounts that say nothing about which column it is.
var qualities = []string{
	"ttc", "ht", "h", "t", "en", "in", "eur", "euro", "euros", "net", "nets", "brut", "incl", "excl", "vat", "tva",
	"tax",
}

// amountHeader returns a header of amounts without its currency and without such words.
func amountHeader(header string) string {
	_, header = currencyOf(header)
	words := slices.DeleteFunc(finding.Words(header), func(w string) bool { return slices.Contains(qualities, w) })
	return strings.Join(words, " ")
}

// isAmount reports whether a column has amounts of money.
func (t *target) isAmount() bool { return t.kind.Name == Amount.Name }

// namesOfCurrencies are words for currencies, in English and French.
var namesOfCurrencies = map[string]string{
	"euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD", "pound": "GBP", "pounds": "GBP", "livre": "GBP",
	"livres": "GBP", "sterling": "GBP", "franc": "CHF", "francs": "CHF", "yen": "JPY", "yens": "JPY",
}

// isForeign reports whether a text names a currency, and none that is the company's. None is if it has none.
func (i *importing) isForeign(text string) bool {
	own, foreign := false, false
	note := func(is bool) { own, foreign = own || is, foreign || !is }
	marks := currencyMarks(i.s.Locale)
	between := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("()[]-/.,", r) }
	for _, word := range strings.FieldsFunc(text, between) {
		isMark := slices.ContainsFunc(marks, func(mark string) bool { return strings.EqualFold(mark, word) })
		_, unknown := currency.ParseISO(word)
		name := namesOfCurrencies[strings.ToLower(word)]
		switch {
		case isMark, name != "" && strings.Contains(name, i.s.Locale.Currency):
			note(true)
		case name != "", unknown == nil && len(word) == 3 && (word == strings.ToUpper(word) || word == text),
			strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Sc, r) }):
			note(false)
		}
	}
	return foreign && !own && i.s.Locale.Currency != ""
}

// unitHeaders are the headers of a column with the currency of a row.
var unitHeaders = []string{"currency", "currency code", "devise", "code devise", "monnaie"}

// sameCurrency returns the error of a header with another currency than the company's.
func (i *importing) sameCurrency() error {
	for _, src := range i.sources {
		for _, at := range slices.Concat(src.at...) {
			unit := i.file.Header.Cells[at]
			if unit == strings.ToUpper(unit) { // in capitals, any word may look like a code
				unit, _ = currencyOf(unit)
			}
			if src.target.isAmount() && i.isForeign(unit) {
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
		if unit := strings.TrimSpace(i.plain(cells[at])); i.isForeign(unit) {
			return []string{fmt.Sprintf("%s %s: amounts are in %s", header, show(unit), i.s.Locale.Currency)}
		}
	}
	return nil
}
