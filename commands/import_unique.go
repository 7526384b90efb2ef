package commands

import (
	"hash/maphash"

	"crm/repo"
)

// This file knows the lines of values that only one record may have, so that a refusal names the line of the other one.

// uniqueLines has the line of each such value, by its hash, which takes little memory.
type uniqueLines struct {
	seed maphash.Seed
	line map[uint64]int
}

func newUniqueLines() uniqueLines { return uniqueLines{maphash.MakeSeed(), map[uint64]int{}} }

func (u uniqueLines) hash(column, text string) uint64 {
	return maphash.String(u.seed, column+"\x00"+keyOf(column, text))
}

// of returns the first line with the value; 0 if there is none.
func (u uniqueLines) of(column, text string) int { return u.line[u.hash(column, text)] }

// add adds the values of a row that writes to the records of a noun.
func (u uniqueLines) add(noun string, line int, written repo.Change) {
	for _, column := range []string{"external_id", "employee_number", "email"} {
		value, isText := written[column].(string)
		if isText && (column != "email" || noun == "user") && u.of(column, value) == 0 {
			u.line[u.hash(column, value)] = line
		}
	}
}

// remove removes the values of a row that is not imported.
func (u uniqueLines) remove(line int, written repo.Change) {
	for column, value := range written {
		if text, isText := value.(string); isText && u.of(column, text) == line {
			delete(u.line, u.hash(column, text))
		}
	}
}
