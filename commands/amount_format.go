package commands

// This file writes amounts of money in the company's language and currency.

import (
	"strings"
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
	before, after string // the currency, on one of both sides
}

// NewAmountFormat returns the format of a locale: it takes the signs of the language and the symbol of the
// currency from CLDR. An unknown language gets English signs; an unknown currency is written as it is.
func NewAmountFormat(l Locale) AmountFormat {
	tag := language.Make(l.Language)
	f := AmountFormat{printer: printing.NewPrinter(tag)}
	// Half a unit with one decimal shows what stands between the digits.
	f.decimal = strings.TrimFunc(f.printer.Sprint(number.Decimal(0.5, number.Scale(1))), unicode.IsDigit)
	symbol := l.Currency
	if unit, err := currency.ParseISO(l.Currency); err == nil {
		symbol = f.printer.Sprint(currency.Symbol(unit))
	}
	f.before, f.after = placeSymbol(tag, symbol)
	return f
}

// placeSymbol returns what to write before and after the number. x/text does not have CLDR's patterns for this; the
// default is the custom of most of Europe: after it.
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

// Format returns the amount with sign, grouping, two decimals and currency: "1 200,50 €". Its spaces are U+0020, so
// that grep finds what is shown.
func (f AmountFormat) Format(m repo.Money) string {
	sign, hundredths := "", uint64(m)
	if m < 0 {
		sign, hundredths = "-", -hundredths
	}
	units := f.printer.Sprint(number.Decimal(hundredths / 100))
	rest := f.printer.Sprint(number.Decimal(hundredths%100, number.MinIntegerDigits(2)))
	return sign + f.before + strings.Map(plainSpace, units) + f.decimal + rest + f.after
}

func plainSpace(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	return r
}
