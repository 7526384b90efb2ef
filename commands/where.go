package commands

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"crm/repo"
)

// This file reads --where "status = pending and total_amount < 500". The grammar, loosest first:
//
//	condition  = all { "or" all }
//	all        = one { "and" one }
//	one        = "not" one | "(" condition ")" | field operator value | field "is" [ "not" ] "empty"
//	operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"
//
// A value is a text in quotes, or all words up to "and", "or", a parenthesis or the end.

const (
	longestWhere = 2000 // characters
	deepestWhere = 50   // parentheses and nots inside of each other
)

// whereOperators are the operators, the longer ones first.
var whereOperators = []string{"!=", "!~", "<=", ">=", "=", "<", ">", "~"}

// whereKind is the kind of a condition on the records of a noun; its value is a repo.Where. known are the flags of the
// noun: a value is read as the flag of the field's name reads it.
func whereKind(noun string, known []Flag) Kind {
	w := whereFields{known: map[string]Kind{}}
	for _, c := range repo.ColumnsOfNoun(noun) {
		if !c.IsForSearch() && !strings.Contains(c.Show, "hidden") && c.Name != "deleted_at" {
			w.columns = append(w.columns, c)
		}
	}
	for _, f := range known {
		w.known[strings.ReplaceAll(f.Name, "-", "_")] = f.Kind
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
			parts = append(parts, wherePart{text: text[at:end], at: at, end: end, isSign: true})
		case r == '\'' || r == '"':
			length := strings.IndexRune(text[end:], r)
			if length < 0 {
				return append(parts, wherePart{text: text[end:], at: at, end: len(text), isQuoted: true}), true
			}
			parts = append(parts, wherePart{
				text: text[end : end+length], at: at, end: end + length + 1,
				isQuoted: true,
			})
			end += length + 1
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

// A whereParser reads the parts of a condition from left to right.
type whereParser struct {
	whereFields
	session *Session
	text    string
	parts   []wherePart
	depth   int
}

func (w whereFields) read(s *Session, text string) (any, error) {
	if n := utf8.RuneCountInString(text); n > longestWhere || !utf8.ValidString(text) {
		return nil, fmt.Errorf("has %d characters: at most %d are possible", n, longestWhere)
	}
	parts, open := splitWhere(text)
	p := whereParser{whereFields: w, session: s, text: text, parts: parts}
	if open {
		return nil, p.wrong(parts[len(parts)-1].at, "the quote that opens here is not closed")
	}
	where, err := p.any()
	if err == nil && len(p.parts) > 0 {
		err = p.wrong(p.parts[0].at, "want and, or or the end, not %s", show(p.parts[0].text))
	}
	return where, err
}

// wrong returns an error that names a place in the text.
func (p *whereParser) wrong(at int, format string, args ...any) error {
	return fmt.Errorf("at character %d: %s", utf8.RuneCountInString(p.text[:at])+1, fmt.Sprintf(format, args...))
}

// here is where the next part begins.
func (p *whereParser) here() int {
	if len(p.parts) > 0 {
		return p.parts[0].at
	}
	return len(p.text)
}

// take takes the next part if it is that word or sign.
func (p *whereParser) take(word string) bool {
	if len(p.parts) == 0 || !p.parts[0].is(word) {
		return false
	}
	p.parts = p.parts[1:]
	return true
}

func (p *whereParser) any() (repo.Where, error) { return p.several("or", p.all) }
func (p *whereParser) all() (repo.Where, error) { return p.several("and", p.one) }

// several reads parts between which word stands.
func (p *whereParser) several(word string, part func() (repo.Where, error)) (repo.Where, error) {
	first, err := part()
	if err != nil {
		return first, err
	}
	parts := []repo.Where{first}
	for p.take(word) {
		next, err := part()
		if err != nil {
			return next, err
		}
		parts = append(parts, next)
	}
	if len(parts) == 1 {
		return first, nil
	}
	return repo.Where{Op: word, Parts: parts}, nil
}

func (p *whereParser) one() (repo.Where, error) {
	at := p.here()
	if p.depth++; p.depth > deepestWhere {
		return repo.Where{}, p.wrong(at, "more than %d conditions are inside of each other", deepestWhere)
	}
	defer func() { p.depth-- }()
	if p.take("not") {
		inner, err := p.one()
		return negated(inner), err
	}
	if p.take("(") {
		inner, err := p.any()
		if err == nil && !p.take(")") {
			err = p.wrong(at, "the parenthesis that opens here is not closed")
		}
		return inner, err
	}
	if len(p.parts) == 0 {
		return repo.Where{}, p.wrong(at, "want a field: %s", strings.Join(p.names(), ", "))
	}
	name := p.parts[0]
	c, ok := p.named(name.text)
	if !ok || name.isQuoted || name.isSign {
		word := nearest(strings.ReplaceAll(strings.ToLower(name.text), "-", "_"), p.names())
		if word != "" {
			return repo.Where{}, p.wrong(at, "there is no field %s: did you mean %s?", show(name.text), word)
		}
		return repo.Where{}, p.wrong(at, "there is no field %s: want one of %s", show(name.text),
			strings.Join(p.names(), ", "))
	}
	p.parts = p.parts[1:]
	return p.comparison(c)
}

func negated(w repo.Where) repo.Where { return repo.Where{Op: "not", Parts: []repo.Where{w}} }

// comparison reads what follows a field.
func (p *whereParser) comparison(c repo.Column) (repo.Where, error) {
	at := p.here()
	if p.take("is") {
		not := p.take("not")
		if !p.take("empty") {
			return repo.Where{}, p.wrong(p.here(), "want empty")
		}
		if empty := (repo.Where{Op: "empty", Column: c.Name}); !not {
			return empty, nil
		}
		return negated(repo.Where{Op: "empty", Column: c.Name}), nil
	}
	allowed := p.operators(c)
	if len(p.parts) == 0 || !slices.Contains(allowed, p.parts[0].text) || p.parts[0].isQuoted {
		return repo.Where{}, p.wrong(at, "want %s or is empty after %s", strings.Join(allowed, ", "), c.Name)
	}
	op := p.parts[0].text
	p.parts = p.parts[1:]
	valueAt := p.here()
	text, err := p.value()
	if err != nil {
		return repo.Where{}, err
	}
	leaf := repo.Where{Op: strings.TrimPrefix(op, "!"), Column: c.Name}
	if strings.TrimSpace(text) == "" {
		if leaf.Op != "=" {
			return repo.Where{}, p.wrong(valueAt, "want a value after %s %s", c.Name, op)
		}
		leaf.Op = "empty"
	} else if leaf.Value, leaf.Until, err = p.typed(c, text); err != nil {
		return repo.Where{}, p.wrong(valueAt, "%s: %v", c.Name, err)
	}
	if op[0] == '!' {
		return negated(leaf), nil
	}
	return leaf, nil
}

// value takes the text of a value.
func (p *whereParser) value() (string, error) {
	if len(p.parts) == 0 {
		return "", p.wrong(p.here(), "want a value")
	}
	first := p.parts[0]
	if first.isQuoted {
		p.parts = p.parts[1:]
		return first.text, nil
	}
	end := first.at
	for len(p.parts) > 0 && !p.parts[0].is("and") && !p.parts[0].is("or") && !p.parts[0].is(")") {
		next := p.parts[0]
		if next.isSign || next.isQuoted {
			return "", p.wrong(next.at, "want and or or before this: a value with %s needs quotes",
				show(p.text[next.at:next.end]))
		}
		end = next.end
		p.parts = p.parts[1:]
	}
	if end == first.at {
		return "", p.wrong(first.at, "want a value")
	}
	return p.text[first.at:end], nil
}

// typed reads a value as its field holds it. Of a time it also returns where it ends.
func (p *whereParser) typed(c repo.Column, text string) (value any, until time.Time, err error) {
	kind, known := p.known[c.Name]
	if !known || kind.IsSwitch() {
		kind = ID
	}
	switch {
	case c.Type == reflect.TypeFor[time.Time]():
		m, err := readMoment(p.session.Locale, text)
		if err != nil {
			return nil, until, err
		}
		at, err := m.start(p.session.Locale, p.session.Locale.Now())
		if err != nil {
			return nil, until, err
		}
		until, err = m.end(p.session.Locale, p.session.Locale.Now())
		if !m.isWholeDay() {
			until = at.Add(time.Minute)
		}
		return at, until, err
	case c.Type == reflect.TypeFor[repo.Money]():
		value, err = Amount.Parse(p.session, text)
	case c.Type.Kind() == reflect.Bool:
		value, err = readYes(text)
	case c.Type.Kind() != reflect.String:
		if value, err = kind.Parse(p.session, text); err == nil {
			if n, isInt := value.(int); isInt {
				value = int64(n)
			}
		}
	case strings.Contains(c.Show, "status"):
		value, err = kind.Parse(p.session, text)
	default:
		value = text
		if number, err := Phone.Parse(p.session, text); err == nil && strings.HasSuffix(c.Name, "phone") {
			value = number
		}
	}
	return value, until, err
}

func readYes(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "yes", "true", "oui":
		return true, nil
	case "no", "false", "non":
		return false, nil
	}
	return false, errors.New("want yes or no")
}

// complete returns what may come next in a condition of which word is typed, and the part of it that stays as it is.
func (w whereFields) complete(s *Session, word string) (base string, next []Choice) {
	parts, open := splitWhere(word)
	if open || len(parts) > 0 && parts[len(parts)-1].end == len(word) {
		base = word[:parts[len(parts)-1].at]
		parts = parts[:len(parts)-1]
	} else {
		base = word
	}
	if len(parts) == 0 || parts[len(parts)-1].is("and") || parts[len(parts)-1].is("or") ||
		parts[len(parts)-1].is("not") || parts[len(parts)-1].is("(") {
		return base, append(choices(w.names()), choices([]string{"not", "("})...)
	}
	last := parts[len(parts)-1]
	if c, ok := w.named(last.text); ok && !last.isSign && !last.isQuoted {
		return base, append(choices(w.operators(c)), choices([]string{"is empty", "is not empty"})...)
	}
	if last.isSign && last.text != ")" {
		if len(parts) < 2 {
			return base, nil
		}
		kind := w.known[strings.ReplaceAll(strings.ToLower(parts[len(parts)-2].text), "-", "_")]
		if kind.Values != nil {
			return base, kind.Values(s)
		}
		return base, nil
	}
	return base, choices([]string{"and", "or"})
}
