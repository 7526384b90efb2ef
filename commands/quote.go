package commands

// This file writes values as words that Split reads, and knows the quotes.

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
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
	return unclosed(value, '"') + `"`
}

// unclosed returns the value behind a quote, ' or ", that is still open. A value in ' has no '.
func unclosed(value string, quote rune) string {
	if quote == '"' {
		value = strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(value)
	}
	return string(quote) + value
}

// inQuotes returns a hint to quote the last value together with the words after it. It shows the quotes only if the
// value is possible then and no other argument may be the one that lacks them. It returns "" if no value lacks quotes.
func (b *binder) inQuotes(words []Word) string {
	n := len(b.bindings)
	if n == 0 || b.end+1 != words[0].Start || b.bindings[n-1].kind.IsSwitch() {
		return ""
	}
	last, text, name := b.bindings[n-1], b.bindings[n-1].text, ""
	// a hint shows at most this many bytes
	for i := 0; i < len(words) && !words[i].IsFlag() && len(text) < 100; i++ {
		if strings.HasSuffix(text, ";") {
			return "a ; does not begin another command: write one command on a line"
		}
		text += " " + words[i].Value
	}
	if len(text) >= 100 || !b.fits(last.kind, text) {
		return ""
	}
	if strings.HasPrefix(last.label, "--") {
		name = last.label + " "
	} else if n > 1 && !strings.HasPrefix(b.bindings[n-2].label, "--") &&
		b.fits(b.bindings[n-2].kind, b.bindings[n-2].text+" "+last.text) {
		return "a value with spaces needs quotes"
	}
	return "a value with spaces needs quotes: " + name + Quote(text)
}

// fits reports whether a text is a possible value of the kind. A number and more words are no name of a record.
func (b *binder) fits(kind Kind, text string) bool {
	_, err := kind.Parse(b.session, text)
	first, _, _ := strings.Cut(text, " ")
	_, isWord := ID.Parse(b.session, first)
	return err == nil || isWord != nil && kind.refers(text)
}

const byteOrderMark = "\ufeff"

// Decoded returns the text of a small file without a byte order mark: UTF-16 if it begins with the mark of that, which
// some editors and shells of Windows write.
func Decoded(content []byte) string {
	text, _, err := transform.Bytes(unicode.BOMOverride(encoding.Nop.NewDecoder()), content)
	if err != nil {
		text = content
	}
	return strings.TrimPrefix(string(text), byteOrderMark)
}

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
