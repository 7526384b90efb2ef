package commands

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"crm/repo"
)

// This file parses conditions; where.go has the grammar.

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
		if !p.take("empty") && !p.take("null") {
			return repo.Where{}, p.wrong(p.here(), "want empty or not empty")
		}
		if empty := (repo.Where{Op: "empty", Column: c.Name}); !not {
			return empty, nil
		}
		return negated(repo.Where{Op: "empty", Column: c.Name}), nil
	}
	allowed := p.operators(c)
	if len(p.parts) == 0 || !slices.Contains(allowed, p.parts[0].text) || p.parts[0].isQuoted {
		if len(p.parts) > 0 && p.parts[0].is("in") {
			return repo.Where{}, p.wrong(at, "there is no in: want (%s = A or %[1]s = B)", c.Name)
		}
		return repo.Where{}, p.wrong(at, "want %s, is empty or is not empty after %s",
			strings.Join(allowed, ", "), c.Name)
	}
	op := p.parts[0].text
	p.parts = p.parts[1:]
	valueAt := p.here()
	isNull := len(p.parts) > 0 && p.parts[0].is("null")
	text, err := p.value()
	if err != nil {
		return repo.Where{}, err
	}
	if isNull && strings.EqualFold(text, "null") {
		text = ""
	}
	leaf := repo.Where{Op: strings.TrimPrefix(op, "!"), Column: c.Name}
	if strings.TrimSpace(text) == "" {
		if leaf.Op != "=" {
			return repo.Where{}, p.wrong(valueAt, "want a value after %s %s", c.Name, op)
		}
		leaf.Op = "empty"
	} else if kind := p.known[c.Name]; leaf.Op == "=" && kind.refers(text) {
		leaf.Value = mention{kind, text}
		if id, err := kind.Parse(p.session, text); err == nil { // such as me
			leaf.Value = id
		}
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
			return "", p.wrong(next.at, "want \"and\" or \"or\" here, or quotes around a value with %s",
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
		if err == nil && strings.Contains(c.Show, "day") && !m.isWholeDay() {
			err = errDay
		}
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
		if n, err := strconv.ParseInt(text, 10, 64); err == nil { // also 0, which no record has as ID
			return n, until, nil
		}
		if value, err = kind.Parse(p.session, text); err == nil {
			if n, isInt := value.(int); isInt {
				value = int64(n)
			}
		}
	case strings.Contains(c.Show, "status"):
		value, err = kind.Parse(p.session, strings.ToLower(text))
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
	case "yes", "true", "oui", "vrai", "1":
		return true, nil
	case "no", "false", "non", "faux", "0":
		return false, nil
	}
	return false, errors.New("want yes or no")
}
