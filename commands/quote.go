package commands

// This file writes values as words that Split reads, and knows the quotes.

import (
	"strings"
	"unicode/utf8"
)

// Quote returns the value as one word for Split, in quotes if it needs them. The word is never taken for a flag, a
// comment, or the | or > before a program or file. Quote does not make valid what Split refuses.
func Quote(value string) string {
	first, _ := utf8.DecodeRuneInString(value)
	misread := strings.HasPrefix(value, "#") || strings.HasPrefix(value, "--") ||
		strings.HasPrefix(value, "|") || strings.HasPrefix(value, ">") || strings.HasPrefix(value, byteOrderMark) ||
		strings.HasSuffix(value, ";") || closers(first) != ""
	switch {
	case value != "" && !misread && !strings.ContainsAny(value, " \t\r\n\\\u00a0\u202f"):
		return value
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(value) + `"`
}

const byteOrderMark = "\ufeff"

// FirstLine returns the first line of a text, such as a password file, without its line end and without the byte order
// mark that editors on Windows write.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimPrefix(text, byteOrderMark), "\n")
	return strings.TrimSuffix(line, "\r")
}

// closers returns the characters that close the quote r; "" if r is no opening quote.
func closers(r rune) string {
	switch r {
	case '\'', '"':
		return string(r)
	case '“':
		return "”"
	case '«':
		return "»"
	case '„':
		return "“”" // German and Polish
	case '‘':
		return "’"
	}
	return ""
}

func joinRaw(words []Word) string {
	raw := make([]string, len(words))
	for i, w := range words {
		raw[i] = w.Raw
	}
	return strings.Join(raw, " ")
}

func joinValues(words []Word) string { return strings.Join(values(words), " ") }
