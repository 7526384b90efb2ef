package commands

import (
	"testing"

	"crm/repo"
	"crm/security"
)

// Every form in which a table prints an amount is read back, also without quotes.
func TestAmountAsPrinted(t *testing.T) {
	s := farmSession(t)
	s.Matrix["animal.feed"] = security.All
	for _, test := range []struct{ currency, language, printed string }{
		{"EUR", "fr", "8 450,50 €"},
		{"EUR", "fr", "8\u202f450,50\u00a0€"},
		{"EUR", "fr", "8450,50€"},
		{"EUR", "en", "€8,450.50"},
		{"EUR", "nl", "€ 8.450,50"},
		{"EUR", "de", "8.450,50 €"},
		{"EUR", "fr", "8450.50 eur"},
		{"EUR", "en", "EUR 8450.5"},
		{"CHF", "de-CH", "8'450.50 CHF"},
		{"CHF", "de-CH", "CHF 8’450.50"},
		{"USD", "en", "$8,450.50"},
		{"", "fr", "8 450,50"},
	} {
		s.Locale.Currency, s.Locale.Language = test.currency, test.language
		for _, line := range []string{"animal feed 7 " + test.printed, "animal feed 7 \"" + test.printed +
			"\" --on today"} {
			in, err := parseLine(s, line)
			if got := Value[repo.Money](in, "amount"); err != nil || got != 845050 {
				t.Errorf("%s in %s: %v, %v", line, test.currency, got, err)
			}
		}
		in, err := parseLine(s, "animal add Dolly --fee "+test.printed+" Ian")
		if got := Value[repo.Money](in, "fee"); err != nil || got != 845050 ||
			Value[string](in, "owner-name") != "Ian" {
			t.Errorf("--fee %s Ian: %v, %+v", test.printed, err, in.values)
		}
	}
	s.Locale.Currency, s.Locale.Language = "EUR", "fr"
	for text, want := range map[string]string{
		"$50": "want an amount in EUR, like 1200 or 1200.50", "50 CHF": "want an amount in EUR, like 1200 or 1200.50",
		"€": "want an amount in EUR, like 1200 or 1200.50", "50 € €": "want an amount in EUR, like 1200 or 1200.50",
		"1,200": "want an amount like 1200 or 1200.50, with at most two decimals",
	} {
		if _, err := Amount.Parse(s, text); message(err) != want {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
	// Groups of digits alone may be two values.
	if in, err := parseLine(s, "animal add Dolly --fee 1 200"); err != nil || Value[repo.Money](in, "fee") != 100 ||
		Value[string](in, "owner-name") != "200" {
		t.Errorf("--fee 1 200: %+v, %v", in.values, err)
	}
}

// What a table prints in any language and currency is read back, on a line without quotes too.
func TestAmountOfAnyLocale(t *testing.T) {
	s := farmSession(t)
	s.Matrix["animal.feed"] = security.All
	languages := []string{
		"en", "en-IN", "en-ZA", "fr", "fr-CH", "de", "de-AT", "de-CH", "nl", "it", "es", "es-MX", "pt", "pt-BR", "da", "sv", "nb",
		"fi", "pl", "cs", "hu", "ro", "bg", "el", "ru", "uk", "tr", "ar", "fa", "hi", "bn", "mr", "ne", "my", "ja", "zh", "ko",
		"th", "he", "lv", "lt", "et", "sl", "hr", "ca", "eu", "ga", "is",
	}
	for _, s.Locale.Language = range languages {
		for _, s.Locale.Currency = range []string{"EUR", "USD", "CHF", "JPY", "SEK", "INR", "TND", "XOF", "MAD", ""} {
			for _, amount := range []repo.Money{0, 5, 120000, 845050, 123456789012, repo.MaxMoney} {
				printed := NewAmountFormat(s.Locale).Format(amount)
				if got, err := Amount.Parse(s, printed); err != nil || got != any(amount) {
					t.Errorf("%s, %s: %q is read as %v, %v", s.Locale.Language, s.Locale.Currency, printed, got, err)
				}
				if in, err := parseLine(s, "animal add Dolly --fee "+printed+" Ian"); err != nil ||
					Value[repo.Money](in, "fee") != amount {
					t.Errorf("%s, %s: --fee %s Ian: %v", s.Locale.Language, s.Locale.Currency, printed, err)
				}
				if got, err := repo.ParseMoney(s.needle(printed)); err != nil || got != amount {
					t.Errorf("%s, %s: %q is searched as %v, %v", s.Locale.Language, s.Locale.Currency, printed, got, err)
				}
			}
		}
	}
}
