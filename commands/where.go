package commands

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"crm/repo"
)

// This file describes and completes --where "status = pending and total_amount < 500". The grammar, loosest first:
//
//	condition  = all { "or" all }
//	all        = one { "and" one }
//	one        = "not" one | "(" condition ")" | field operator value | field "is" [ "not" ] "empty"
//	operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"
//
// A value is a text in quotes, also typographic ones, or all words up to "and", "or", a parenthesis or the end. The
// name of a record stands for its ID. As in SQL, "<>" means "!=", and "null" without quotes "empty"; "==" means "=".

const (
	longestWhere = 2000 // characters
	deepestWhere = 50   // parentheses and nots inside of each other
)

// whereOperators are the operators, the longer ones first, and whereAliases other ways to write them.
var (
	whereOperators = []string{"!=", "!~", "<=", ">=", "<>", "==", "=", "<", ">", "~"}
	whereAliases   = map[string]string{"<>": "!=", "==": "="}
)

// whereKind is the kind of a condition on the records of a noun; its value is a repo.Where. known are the flags of the
// noun: a value is read as the flag of the field's name reads it.
func whereKind(noun string, known []Flag) Kind {
	w := whereFields{known: map[string]Kind{}}
	for _, c := range repo.ColumnsOfNoun(noun) {
		if !c.IsForSearch() && !strings.Contains(c.Show, "hidden") {
			w.columns = append(w.columns, c)
		}
	}
	for _, f := range known {
		w.known[strings.ReplaceAll(f.Name, "-", "_")] = f.Kind
	}
	for _, c := range w.columns {
		_, known := w.known[c.Name]
		switch {
		case c.Type == reflect.TypeFor[time.Time]() && strings.Contains(c.Show, "day"):
			w.known[c.Name] = Day
		case c.Type == reflect.TypeFor[time.Time]() && !known:
			w.known[c.Name] = Moment
		case c.Type.Kind() == reflect.Bool:
			w.known[c.Name] = Enum("YES_OR_NO", "yes", "no")
		case c.Name == "noun":
			w.known[c.Name] = notedNoun
		}
	}
	for column, kind := range map[string]Kind{
		"customer_id": CustomerID, "contract_id": ContractID, "event_id": EventID, "contact_id": ContactID,
		"author_id": UserID,
	} { // a flag may want some of these records only, such as a signed contract
		w.known[column] = kind
	}
	return Kind{
		Name: "CONDITION", Key: noun + " condition",
		Parse:   func(s *Session, text string) (any, error) { return w.read(s, text) },
		Clauses: w.complete,
	}
}

// whereFields are the fields that a condition may name.
type whereFields struct {
	columns []repo.Column
	known   map[string]Kind
}

func (w whereFields) named(name string) (repo.Column, bool) {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	i := slices.IndexFunc(w.columns, func(c repo.Column) bool { return c.Name == name })
	if i < 0 {
		return repo.Column{}, false
	}
	return w.columns[i], true
}

func (w whereFields) names() []string {
	names := make([]string, len(w.columns))
	for i, c := range w.columns {
		names[i] = c.Name
	}
	return names
}

// operators returns the operators that compare a field.
func (w whereFields) operators(c repo.Column) []string {
	switch {
	case c.Type.Kind() == reflect.String && !strings.Contains(c.Show, "status"):
		return []string{"=", "!=", "~", "!~"}
	case c.Type.Kind() == reflect.String || c.Type.Kind() == reflect.Bool:
		return []string{"=", "!="}
	}
	return []string{"=", "!=", "<", "<=", ">", ">="}
}

// A wherePart is a word, an operator, a parenthesis or a text in quotes.
type wherePart struct {
	text     string
	at, end  int // in bytes
	isQuoted bool
	isSign   bool // an operator or a parenthesis
}

func (p wherePart) is(word string) bool { return !p.isQuoted && strings.EqualFold(p.text, word) }

// splitWhere splits a condition. A quote that stays open ends at the end; open says so.
func splitWhere(text string) (parts []wherePart, open bool) {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		rest := text[at:]
		sign := slices.IndexFunc(whereOperators, func(op string) bool { return strings.HasPrefix(rest, op) })
		end := at + size
		switch {
		case unicode.IsSpace(r):
			at = end
			continue
		case r == '(' || r == ')':
			parts = append(parts, wherePart{text: rest[:1], at: at, end: end, isSign: true})
		case sign >= 0:
			end = at + len(whereOperators[sign])
			op := cmp.Or(whereAliases[text[at:end]], text[at:end])
			parts = append(parts, wherePart{text: op, at: at, end: end, isSign: true})
		case closers(r) != "":
			length := strings.IndexAny(text[end:], closers(r))
			if length < 0 {
				return append(parts, wherePart{text: text[end:], at: at, end: len(text), isQuoted: true}), true
			}
			inside := text[end : end+length]
			_, size := utf8.DecodeRuneInString(text[end+length:])
			end += length + size
			parts = append(parts, wherePart{text: inside, at: at, end: end, isQuoted: true})
		default:
			for end < len(text) {
				r, size := utf8.DecodeRuneInString(text[end:])
				if unicode.IsSpace(r) || strings.ContainsRune("()=<>~!", r) {
					break
				}
				end += size
			}
			parts = append(parts, wherePart{text: text[at:end], at: at, end: end})
		}
		at = end
	}
	return parts, false
}

// complete returns what may come next in a condition of which word is typed, and the part of it that stays as it is.
// value is the kind of a value that may come next, if the database has more of it.
func (w whereFields) complete(s *Session, word string) (base string, next []Choice, value Kind) {
	parts, open := splitWhere(word)
	if open || len(parts) > 0 && parts[len(parts)-1].end == len(word) {
		base = word[:parts[len(parts)-1].at]
		parts = parts[:len(parts)-1]
	} else {
		base = word
	}
	is := func(back int, words ...string) bool { // the part so far from the end
		at := len(parts) - back
		return at >= 0 && slices.ContainsFunc(words, parts[at].is)
	}
	isField := func(back int) bool {
		at := len(parts) - back
		if at < 0 || parts[at].isSign || parts[at].isQuoted {
			return false
		}
		_, known := w.named(parts[at].text)
		return known
	}
	switch {
	case is(1, "is") && isField(2):
		return base, choices([]string{"empty", "not empty"}), Kind{}
	case is(1, "not") && is(2, "is") && isField(3):
		return base, choices([]string{"empty"}), Kind{}
	case len(parts) == 0 || is(1, "and", "or", "not", "("):
		return base, append(choices(w.names()), choices([]string{"not", "("})...), Kind{}
	case isField(1):
		c, _ := w.named(parts[len(parts)-1].text)
		return base, append(choices(w.operators(c)), choices([]string{"is empty", "is not empty"})...), Kind{}
	}
	if last := parts[len(parts)-1]; !last.isSign || last.text == ")" {
		return base, choices([]string{"and", "or"}), Kind{}
	}
	if len(parts) < 2 {
		return base, nil, Kind{}
	}
	kind := w.known[strings.ReplaceAll(strings.ToLower(parts[len(parts)-2].text), "-", "_")]
	if kind.Values != nil {
		next = kind.Values(s)
	}
	return base, next, kind
}
