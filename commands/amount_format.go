package commands

// This file writes amounts of money in the company's language and currency.

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	printing "golang.org/x/text/message"
	"golang.org/x/text/number"

	"crm/repo"
)

// An AmountFormat writes amounts from their integer hundredths, without floating point.
type AmountFormat struct {
	printer       *printing.Printer
	decimal       string // between units and hundredths
	before, after string // the currency; one of them is empty
}

// NewAmountFormat returns the format of a locale. Separators and the currency's symbol come from CLDR. An unknown
// language gets English separators; an unknown currency is printed as its code.
func NewAmountFormat(l Locale) AmountFormat {
	key := [2]string{l.Language, l.Currency}
	if known, ok := amountFormats.Load(key); ok {
		return known.(AmountFormat)
	}
	tag := language.Make(l.Language)
	f := AmountFormat{printer: printing.NewPrinter(tag)}
	// Formatting 0.5 yields the decimal separator between two digits.
	f.decimal = strings.TrimFunc(f.printer.Sprint(number.Decimal(0.5, number.Scale(1))), unicode.IsDigit)
	symbol := l.Currency
	if unit, err := currency.ParseISO(l.Currency); err == nil {
		symbol = f.printer.Sprint(currency.Symbol(unit))
	}
	f.before, f.after = placeSymbol(tag, symbol)
	amountFormats.Store(key, f)
	return f
}

// amountFormats has the AmountFormat of each language and currency that was asked for: every answer needs one.
var amountFormats sync.Map

// placeSymbol returns the text before and after the number. x/text lacks CLDR's patterns for this, so other languages
// get the symbol after the number, as in most of Europe.
func placeSymbol(tag language.Tag, symbol string) (before, after string) {
	if symbol == "" {
		return "", ""
	}
	base, _ := tag.Base()
	switch base.String() {
	case "nl":
		return symbol + " ", ""
	case "en", "ga", "hi", "ja", "ko", "th", "tr", "zh":
		if last, _ := utf8.DecodeLastRuneInString(symbol); unicode.IsLetter(last) {
			return symbol + " ", ""
		}
		return symbol, ""
	}
	return "", " " + symbol
}

// Decimal returns the decimal mark of the locale.
func (f AmountFormat) Decimal() string { return f.decimal }

// Format returns the amount with sign, grouping, two decimals and currency: "1 200,50 €". Spaces are U+0020, so that
// grep finds the printed text.
func (f AmountFormat) Format(m repo.Money) string {
	if m < 0 {
		return "-" + f.before + f.number(-uint64(m)) + f.after
	}
	return f.before + f.number(uint64(m)) + f.after
}

// number returns hundredths as a number without currency: "1 200,50".
func (f AmountFormat) number(hundredths uint64) string {
	units := f.printer.Sprint(number.Decimal(hundredths / 100))
	rest := f.printer.Sprint(number.Decimal(hundredths%100, number.MinIntegerDigits(2)))
	return strings.Map(plainSpace, units) + f.decimal + rest
}

func plainSpace(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	return r
}
