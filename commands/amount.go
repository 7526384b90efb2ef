package commands

// This file reads amounts of money as tables print them: 8 450,50 €, €8,450.50, 1'200.50, 50€.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	printing "golang.org/x/text/message"

	"crm/repo"
)

// Amount is the kind of an amount of money, from zero; its value is a repo.Money.
var Amount = money(0)

// Payment is the kind of an amount of money above zero; its value is a repo.Money.
var Payment = money(1)

func money(least repo.Money) Kind {
	return Kind{
		Name: "AMOUNT",
		Parse: func(s *Session, text string) (any, error) {
			number, err := withoutCurrency(s.Locale, text)
			if err != nil {
				return nil, err
			}
			amount, err := parseMoney(s.Locale, number)
			switch {
			case errors.Is(err, repo.ErrTooLarge):
				err = fmt.Errorf("at most %s is possible", toShow(s, repo.MaxMoney))
			case err == nil && amount < least:
				err = fmt.Errorf("%s is too little: at least %s is possible", toShow(s, amount), toShow(s, least))
			}
			return amount, err
		},
		Spans: spansAmount,
	}
}

// withoutCurrency removes the company's currency from the beginning or the end of an amount.
func withoutCurrency(l Locale, text string) (string, error) {
	text = strings.TrimSpace(text)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	} else {
		text = strings.TrimPrefix(text, "+") // as banks write it
	}
	for _, mark := range currencyMarks(l) {
		if rest, found := cutMark(text, mark); found {
			text = rest
			break
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Sc, r) || unicode.IsLetter(r) }) &&
		l.Currency != "" {
		return "", errors.New("want an amount in " + l.Currency + ", like 1200 or 1200.50")
	}
	return sign + text, nil
}

// needle returns what to search for: an amount without the company's currency, any other text unchanged.
func (s *Session) needle(text string) string {
	number, err := withoutCurrency(s.Locale, text)
	if err != nil {
		return text
	}
	if _, err := repo.ParseMoney(number); err == nil {
		return number
	}
	if amount, err := parseMoney(s.Locale, number); err == nil {
		return amount.String()
	}
	return text
}

// parseMoney reads a number as repo.ParseMoney does, and as tables print it in the locale, with its digits and groups:
// 1,23,456.50 in en-IN, ٨٬٤٥٠٫٥٠ in ar.
func parseMoney(l Locale, text string) (repo.Money, error) {
	amount, err := repo.ParseMoney(strings.Replace(text, "٫", ".", 1))
	if err == nil || errors.Is(err, repo.ErrTooLarge) {
		return amount, err
	}
	unsigned, negative := strings.CutPrefix(strings.TrimSpace(text), "-")
	unsigned = strings.Map(plainSpace, unsigned)
	hundredths, wrong := strconv.ParseInt(strings.Map(digit, unsigned), 10, 64)
	if wrong != nil || NewAmountFormat(l).number(uint64(hundredths)) != unsigned {
		return 0, err
	}
	if negative {
		hundredths = -hundredths
	}
	return repo.Money(hundredths), nil
}

// digit returns the ASCII digit for a digit of any script, and drops other characters.
func digit(r rune) rune {
	for _, block := range unicode.Nd.R16 {
		if lo := rune(block.Lo); lo <= r && r <= rune(block.Hi) {
			return '0' + (r-lo)%10
		}
	}
	return -1
}

// currencyMarks returns the code of the company's currency and its symbols.
func currencyMarks(l Locale) []string {
	unit, err := currency.ParseISO(l.Currency)
	if err != nil {
		return nil
	}
	p := printing.NewPrinter(language.Make(l.Language))
	return []string{unit.String(), p.Sprint(currency.Symbol(unit)), p.Sprint(currency.NarrowSymbol(unit))}
}

// cutMark removes a mark, in upper or lower case, from the beginning or the end of a text.
func cutMark(text, mark string) (rest string, found bool) {
	if mark == "" || len(text) <= len(mark) {
		return text, false
	}
	if end := len(text) - len(mark); strings.EqualFold(text[end:], mark) {
		return strings.TrimSpace(text[:end]), true
	}
	if strings.EqualFold(text[:len(mark)], mark) {
		return strings.TrimSpace(text[len(mark):]), true
	}
	return text, false
}

// spansAmount returns how many of the words form one amount as tables print it: 3 for "8 450,50 €". Groups of digits
// without decimals or currency are not joined, because 1 200 may be two values.
func spansAmount(s *Session, words []Word) int {
	count := 0
	for count < len(words) && count < 6 && !words[count].Quoted && !words[count].IsFlag() {
		count++
	}
	marks := currencyMarks(s.Locale)
	for n := count; n > 1; n-- {
		texts := make([]string, n)
		for i, w := range words[:n] {
			texts[i] = w.Value
		}
		isMark := func(text string) bool {
			return slices.ContainsFunc(marks, func(m string) bool { return strings.EqualFold(m, text) })
		}
		hasDecimals := strings.ContainsAny(texts[n-1], ".,٫")
		number, err := withoutCurrency(s.Locale, strings.Join(texts, " "))
		if err != nil || !hasDecimals && !isMark(texts[0]) && !isMark(texts[n-1]) {
			continue
		}
		if _, err := parseMoney(s.Locale, number); err == nil {
			return n
		}
	}
	return 1
}

// inCurrency replaces the error of a payment that is too large, or of a total that is too small, by one with the amount
// as people read it.
func (s *Session) inCurrency(err error) error {
	var over repo.Overpaid
	var below repo.BelowPaid
	switch {
	case errors.As(err, &over):
		return &worded{"that is more than what remains to pay: " + toShow(s, over.Remains), "", err}
	case errors.As(err, &below):
		hint := fmt.Sprintf("contract payments %d lists them; contract update %[1]d --remaining-amount AMOUNT first "+
			"takes back what was not paid", below.Contract)
		return &worded{"invalid --total-amount: less than what was paid: " + toShow(s, below.Paid), hint, err}
	}
	return err
}
