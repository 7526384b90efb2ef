package commands

import "testing"

// A note is stored in a form that an export and its import do not change: its tabs are spaces in every command.
func TestNotesStay(t *testing.T) {
	for text, want := range map[string]string{
		"a\tb":                           "a    b",
		"\ta\r\n\tb\t\r\tc\n":            "a\n    b\n    c",
		" a \n\n  b  c\n \n":             "a\n\n  b  c",
		"\u00a0a\n\u00a0b\n \u00a0c":     "a\nb\n c",
		"e\u0301\n \u0301x\n=1\n| a | b": "é\n \u0301x\n=1\n| a | b",
	} {
		for _, parse := range []func(*Session, string) (any, error){Note.Parse, Note.Cell} {
			got, err := parse(&Session{}, text)
			again, err2 := Note.Cell(&Session{}, want)
			if err != nil || err2 != nil || got != want || again != want {
				t.Errorf("%q: %q, then %q, want %q; %v, %v", text, got, again, want, err, err2)
			}
		}
	}
}
