package upgrade

import (
	"fmt"
	"strings"
)

// Split cuts SQL at the semicolons outside of quotes, comments and parentheses (PostgreSQL manual, 4.1 Lexical
// Structure). It drops comments and writes white space outside of quotes as one space. Bodies of begin atomic … end
// are not supported.
func Split(sql string) ([]string, error) {
	var statements []string
	var out strings.Builder
	depth := 0
	end := func() {
		if text := strings.TrimSpace(out.String()); text != "" {
			statements = append(statements, text)
		}
		out.Reset()
	}
	for i := 0; i < len(sql); {
		length, kind := token(sql[i:], out.String())
		if length == 0 {
			return nil, fmt.Errorf("an open quote or comment: %.40s", sql[i:])
		}
		text := sql[i : i+length]
		i += length
		switch {
		case kind == space:
			if out.Len() > 0 && !strings.HasSuffix(out.String(), " ") {
				out.WriteByte(' ')
			}
		case text == ";" && depth == 0:
			end()
		case text == "(":
			depth++
			out.WriteString(text)
		case text == ")":
			depth--
			out.WriteString(text)
		default:
			out.WriteString(text)
		}
	}
	end()
	return statements, nil
}

type kind int

const (
	other kind = iota // one byte
	quoted
	space // or a comment
)

// token returns the length of the first token and its kind. before is the text before it. 0 means that the token does
// not end.
func token(sql, before string) (int, kind) {
	to := func(end string, from int) int {
		if i := strings.Index(sql[from:], end); i >= 0 {
			return from + i + len(end)
		}
		return 0
	}
	switch {
	case strings.HasPrefix(sql, "--"):
		line, _, _ := strings.Cut(sql, "\n")
		return len(line), space
	case strings.HasPrefix(sql, "/*"):
		return blockComment(sql), space
	case strings.ContainsRune(" \t\r\n", rune(sql[0])):
		return len(sql) - len(strings.TrimLeft(sql, " \t\r\n")), space
	case sql[0] == '"':
		return to(`"`, 1), quoted
	case sql[0] == '\'' && escapes(before):
		return escaped(sql), quoted
	case sql[0] == '\'':
		return to("'", 1), quoted // a doubled quote is two strings
	case sql[0] == '$' && !inWord(before):
		if tag := dollarTag(sql); tag != "" {
			return to(tag, len(tag)), quoted
		}
	}
	return 1, other
}

// blockComment returns the length of a comment, which may contain comments.
func blockComment(sql string) int {
	depth := 0
	for i := 0; i+1 < len(sql); i++ {
		switch sql[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// escapes reports whether a string after before is one with backslash escapes: E'…'.
func escapes(before string) bool {
	last := len(before) - 1
	return last >= 0 && (before[last] == 'E' || before[last] == 'e') && !inWord(before[:last])
}

// escaped returns the length of a string with backslash escapes.
func escaped(sql string) int {
	for i := 1; i < len(sql); i++ {
		switch sql[i] {
		case '\\':
			i++
		case '\'':
			return i + 1
		}
	}
	return 0
}

// inWord reports whether text ends inside a name or a number.
func inWord(text string) bool {
	return text != "" && wordByte(text[len(text)-1])
}

func wordByte(b byte) bool {
	return b == '_' || b == '$' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

// dollarTag returns the $tag$ at the beginning of sql, empty if there is none: $1 is a parameter.
func dollarTag(sql string) string {
	for i := 1; i < len(sql); i++ {
		switch b := sql[i]; {
		case b == '$':
			return sql[:i+1]
		case !wordByte(b), i == 1 && b >= '0' && b <= '9':
			return ""
		}
	}
	return ""
}
