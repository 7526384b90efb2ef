package render

// Amounts as the company writes them.

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"crm/commands"
	"crm/repo"
)

// An amountFormat writes amounts from their integer hundredths: no float comes near them.
type amountFormat struct {
	printer       *message.Printer
	decimal       string // between units and hundredths
	before, after string // the currency, on one of both sides
}

// newAmountFormat takes the signs of the language and the symbol of the currency from CLDR. An
// unknown language gets English signs; an unknown currency is written as it is.
func newAmountFormat(l commands.Locale) amountFormat {
	tag := language.Make(l.Language)
	f := amountFormat{printer: message.NewPrinter(tag)}
	// Half a unit with one decimal shows what stands between the digits.
	f.decimal = strings.TrimFunc(f.printer.Sprint(number.Decimal(0.5, number.Scale(1))), unicode.IsDigit)
	symbol := l.Currency
	if unit, err := currency.ParseISO(l.Currency); err == nil {
		symbol = f.printer.Sprint(currency.Symbol(unit))
	}
	f.before, f.after = placeSymbol(tag, symbol)
	return f
}

// placeSymbol says on which side of the number the language writes the symbol. CLDR's patterns
// for that are not in x/text; Europe's habit is the default.
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

// format is the amount with sign, grouping, two decimals and currency: "1 200,50 €". Spaces are
// plain ones, so that what is seen is what grep finds and what the shell reads back.
func (f amountFormat) format(m repo.Money) string {
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
