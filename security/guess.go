package security

// This file refuses passwords that are easy to guess (OWASP ASVS 5, 6.2.4 and 6.2.11): common ones, also with added or
// substituted digits and signs, and those with data of their owner.

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"crm/security/finding"
)

// The 10,000 commonest passwords of the frequency list of zxcvbn (Daniel Lowe Wheeler, Dropbox, MIT licence; counted in
// leaks by Mark Burnett), folded, one a line, as github.com/trustelem/zxcvbn v1.0.1 holds them:
//
//	head -10000 data/passwords.txt | awk '{print $1}' | sort | gzip -9n > commonest.gz
//
//go:embed commonest.gz
var commonestFile []byte

var commonest = sync.OnceValue(func() map[string]bool {
	unpacked, err := gzip.NewReader(bytes.NewReader(commonestFile))
	if err != nil {
		panic(err) // the file is part of the program
	}
	list, err := io.ReadAll(unpacked)
	if err != nil {
		panic(err)
	}
	all := make(map[string]bool, 10_000)
	for word := range strings.Lines(string(list)) {
		all[strings.TrimSuffix(word, "\n")] = true
	}
	return all
})

// Guessable returns why a new password is easy to guess, as words after "must not", and nothing if it may be used.
// about has its owner's names and email.
func Guessable(password string, about ...string) []string {
	password = normalise(password)
	if utf8.RuneCountInString(password) > maxPassword {
		return nil // CheckPolicy refuses it
	}
	var reasons []string
	if isCommon(password) {
		reasons = append(reasons, "be one of the most common passwords")
	}
	if holdsAny(password, about) {
		reasons = append(reasons, "contain your name or email")
	}
	return reasons
}

// isCommon reports whether the password is a common one: itself, or without some of the digits and signs at its ends.
func isCommon(password string) bool {
	folded := finding.Fold(password)
	first, last := strings.IndexFunc(folded, unicode.IsLetter), strings.LastIndexFunc(folded, unicode.IsLetter)
	if first < 0 {
		return false // CheckPolicy refuses it
	}
	text := []rune(folded)
	lead := utf8.RuneCountInString(folded[:first])
	trail := utf8.RuneCountInString(folded[:last]) + 1
	for from := 0; from <= lead; from++ {
		for to := len(text); to >= trail; to-- {
			for _, candidate := range plainly(string(text[from:to])) {
				if commonest()[candidate] {
					return true
				}
			}
		}
	}
	return false
}

// plainly returns a text unchanged, and with the letters that its digits and signs resemble; 1 is an l or an i.
func plainly(text string) []string {
	const others = "0o@a4a3e$s5s7t!i"
	drawn := func(one string) string {
		pairs := []string{"1", one}
		for i := 0; i < len(others); i += 2 {
			pairs = append(pairs, others[i:i+1], others[i+1:i+2])
		}
		return strings.NewReplacer(pairs...).Replace(text)
	}
	return []string{text, drawn("l"), drawn("i")}
}

// holdsAny reports whether the password contains a word of at least four letters of any of the texts. Of an email, only
// the part before the @ counts.
func holdsAny(password string, about []string) bool {
	for _, text := range about {
		local, _, _ := strings.Cut(text, "@")
		for _, word := range append(finding.Words(local), strings.Join(finding.Words(local), "")) {
			if countLetters(word) < 4 {
				continue
			}
			for _, candidate := range plainly(finding.Fold(password)) {
				if strings.Contains(strings.Join(finding.Words(candidate), ""), word) {
					return true
				}
			}
		}
	}
	return false
}

func countLetters(word string) (n int) {
	for _, r := range word {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}
