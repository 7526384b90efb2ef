package repo

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// This file reads how the records of an entity are stored from the tags of its struct. There is no other list of an
// entity's columns: rows, sealing, search tokens, changes, sort keys, scores and the fields of answers come from the
// tags.
//
//	db      the column of the entity's view; a field without it is no column
//	sealed  the column is encrypted; the value names it in the ciphertext's associated data: "customer.phone"
//	search  "words": a search compares the column; "index": it does, and changes write the column's search tokens;
//	        "-": a search leaves the sealed column out, and it has no tokens; "only": the column is read for
//	        searches only, and may be a list of texts
//	sort    "-": the column is no sort key; "index": an index on the column's sort key and id has the order of such
//	        lists; "text": lists are sorted by the column after opening it (sorted.go); "by sales_id": the name of the
//	        collaborator in that column, which has an index with id. Other sealed columns are no sort keys, for
//	        ciphertexts have no order
//	by      "database": the database maintains the column, so undo does not write it
//	show    where answers leave the column out: "detail" in lists, "wide" in lists that do not fit, "wider" in such
//	        lists before a "wide" one, "hidden" everywhere, "absent" in a single record without a value; and how
//	        lists show it: "status" for a fixed word, "whole" if they never cut it, "long" on several lines,
//	        "day" without a time of day.
//	        Several are separated by blanks

// A Column is one column of an entity.
type Column struct {
	Name        string
	Sealed      string       // as the tag
	Show        string       // as the tag
	Type        reflect.Type // of a value that is there
	search      string       // as the tag
	computed    bool         // by the database
	sort        string       // SQL that is never null; empty: PostgreSQL cannot sort by the column
	sortsByText bool
	isIndexed   bool   // by its sort key
	contact     string // the column with the ID of the collaborator whose name this is; empty: it is no such name
	field       int    // of the struct
}

// ColumnsOf returns the columns of an entity's struct, in the order of its fields.
func ColumnsOf[T any]() []Column {
	var all []Column
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("db")
		if name == "" {
			continue
		}
		c := Column{
			Name: name, Sealed: f.Tag.Get("sealed"), Show: f.Tag.Get("show"),
			search: f.Tag.Get("search"), sortsByText: f.Tag.Get("sort") == "text",
			isIndexed: f.Tag.Get("sort") == "index",
			computed:  f.Tag.Get("by") == "database", field: i, Type: f.Type,
		}
		if f.Type.Kind() == reflect.Pointer {
			c.Type = f.Type.Elem()
		}
		if c.Sealed == "" && f.Tag.Get("sort") != "-" {
			c.sort = sortKey(name, f.Type)
		}
		if by, ok := strings.CutPrefix(f.Tag.Get("sort"), "by "); ok {
			c.contact = by
		}
		all = append(all, c)
	}
	return all
}

// sortKey returns an SQL expression that sorts by a column and is never null. It sorts null before all numbers and
// texts, and after all times.
func sortKey(name string, t reflect.Type) string {
	if t.Kind() != reflect.Pointer {
		return name
	}
	null := map[reflect.Type]string{
		reflect.TypeFor[int64](): "-1", reflect.TypeFor[string](): "''", reflect.TypeFor[time.Time](): "'infinity'",
	}
	return fmt.Sprintf("coalesce(%s, %s)", name, null[t.Elem()])
}

// Value returns the column's value in a record of the entity: nil for null and for an empty text.
func (c Column) Value(record any) any {
	v := reflect.ValueOf(record).Field(c.field)
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil(), v.Kind() == reflect.String && v.Len() == 0:
		return nil
	case v.Kind() == reflect.Pointer:
		return v.Elem().Interface()
	}
	return v.Interface()
}

// SortKeys maps each column by which lists of an entity can be sorted to SQL that is never null.
func SortKeys[T any]() map[string]string {
	sorts := map[string]string{}
	for _, c := range ColumnsOf[T]() {
		if c.sort != "" {
			sorts[c.Name] = c.sort
		}
	}
	return sorts
}

// IsForSearch reports whether the column is read for searches only. Such columns are the last ones of an entity.
func (c Column) IsForSearch() bool { return c.search == "only" }

// IsComputed reports whether the database maintains the column.
func (c Column) IsComputed() bool { return c.computed }
