package repo

import (
	"cmp"
	"reflect"
	"strings"
	"time"

	"github.com/Masterminds/squirrel"
)

// This file selects records by conditions on their columns. What PostgreSQL can compare becomes SQL. Texts are compared
// here, as searches compare them: without case and accents, umlauts also as they are transcribed, and sealed ones after
// opening them. So a condition becomes two: SQL that holds for every record for which it holds, and a test of the
// records that the SQL finds.

// A Where is a condition on the columns of an entity.
type Where struct {
	Op     string  // and, or, not of Parts; =, <, <=, >, >=, ~ (finds) or empty of Column
	Parts  []Where // of not: one
	Column string
	Value  any       // a string, an int64, a Money, a bool or a time.Time
	Until  time.Time // where a Value that is a time ends: a day at its midnight
}

// ColumnsOfNoun returns the columns of the records with a noun.
func ColumnsOfNoun(noun string) []Column {
	if e := storeOf(noun); e != nil {
		return e.all()
	}
	return nil
}

// all returns the entity's columns.
func (e entity[T]) all() []Column { return e.columns }

// bound returns SQL that holds for every record for which the condition holds or, if negated, does not hold.
func (e entity[T]) bound(w Where, negated bool) squirrel.Sqlizer {
	switch w.Op {
	case "not":
		return e.bound(w.Parts[0], !negated)
	case "and", "or":
		parts := make([]squirrel.Sqlizer, len(w.Parts))
		for i, p := range w.Parts {
			parts[i] = e.bound(p, negated)
		}
		if (w.Op == "and") != negated {
			return squirrel.And(parts)
		}
		return squirrel.Or(parts)
	}
	leaf := e.column(w.Column).compared(w)
	switch {
	case leaf == nil:
		return squirrel.Expr("true")
	case negated:
		return squirrel.Expr("not (?)", leaf)
	}
	return leaf
}

// compared returns the SQL of a comparison, which is never null; nil for one that only the program can make.
func (c Column) compared(w Where) squirrel.Sqlizer {
	isText := c.Sealed != "" || c.isText()
	switch at, isTime := w.Value.(time.Time); {
	case w.Op == "empty" && c.Sealed == "":
		return squirrel.Expr(c.Name + " is null")
	case isText || w.Op == "~":
		return nil
	case !isTime:
		return squirrel.Expr("coalesce("+c.Name+" "+operators[w.Op]+" ?, false)", w.Value)
	case w.Op == "=":
		return squirrel.Expr("coalesce("+c.Name+" >= ? and "+c.Name+" < ?, false)", at, w.Until)
	case w.Op == "<" || w.Op == ">=":
		return squirrel.Expr("coalesce("+c.Name+" "+operators[w.Op]+" ?, false)", at)
	default: // after the whole of a day, or up to its end
		return squirrel.Expr("coalesce("+c.Name+" "+map[string]string{">": ">=", "<=": "<"}[w.Op]+" ?, false)", w.Until)
	}
}

// operators has the operators of SQL that a condition may use.
var operators = map[string]string{"=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

// isText reports whether the column holds texts of people, not fixed words.
func (c Column) isText() bool {
	return c.Type.Kind() == reflect.String && !strings.Contains(c.Show, "status")
}

// isExact reports whether bound is the whole condition.
func (e entity[T]) isExact(w Where) bool {
	if w.Column != "" {
		return e.column(w.Column).compared(w) != nil
	}
	for _, p := range w.Parts {
		if !e.isExact(p) {
			return false
		}
	}
	return true
}

// holds reports whether the condition holds for a record.
func (e entity[T]) holds(db *DB, w Where, record T) bool {
	switch w.Op {
	case "not":
		return !e.holds(db, w.Parts[0], record)
	case "and", "or":
		for _, p := range w.Parts {
			if e.holds(db, p, record) != (w.Op == "and") {
				return w.Op == "or"
			}
		}
		return w.Op == "and"
	}
	value := e.column(w.Column).Value(record)
	if w.Op == "empty" || value == nil {
		return w.Op == "empty" && value == nil
	}
	switch v := value.(type) {
	case string:
		text, _ := w.Value.(string)
		return w.Op == "~" && db.vault.Score(text, v) > 0 || w.Op == "=" && db.vault.Same(text, v)
	case int64:
		n, _ := w.Value.(int64)
		return compares(w.Op, cmp.Compare(v, n))
	case int:
		n, _ := w.Value.(int64)
		return compares(w.Op, cmp.Compare(int64(v), n))
	case Money:
		m, _ := w.Value.(Money)
		return compares(w.Op, cmp.Compare(v, m))
	case bool:
		return v == w.Value
	case time.Time:
		at, _ := w.Value.(time.Time)
		switch {
		case v.Before(at):
			return compares(w.Op, -1)
		case v.Before(w.Until):
			return compares(w.Op, 0)
		}
		return compares(w.Op, 1)
	}
	return false
}

// compares reports whether an operator holds for the result of a comparison.
func compares(op string, result int) bool {
	switch op {
	case "=":
		return result == 0
	case "<":
		return result < 0
	case "<=":
		return result <= 0
	case ">":
		return result > 0
	}
	return op == ">=" && result >= 0
}

// needle returns a text by which the blind index finds every record for which the condition holds, empty if it has
// none.
func (e entity[T]) needle(db *DB, w Where) string {
	if w.Op == "and" {
		for _, p := range w.Parts {
			if text := e.needle(db, p); text != "" {
				return text
			}
		}
	}
	c := e.column(w.Column)
	text, _ := w.Value.(string)
	if !e.finder.sealed || w.Op != "=" && w.Op != "~" || c.Sealed == "" || c.Sealed != e.table+"."+c.Name ||
		c.search == "-" {
		return ""
	}
	if _, _, anywhere := db.vault.Needle(text); len(anywhere) == 0 {
		return ""
	}
	return text
}
