package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crm/repo"
	"crm/security/finding"
)

// This file refuses rows of a file that was imported before: records that the same customer or contract has already.
// Of customers and collaborators the emails tell, of payments the ledger.

// A kin is how a record is recognised among those of the same customer or contract.
type kin struct {
	parent string // the column of the customer or contract
	same   string // what rows and records have in common, for --force
	// isWeak: others may be like that by chance. A row is refused only if all rows of the file are like that.
	isWeak bool
	// of returns the texts of a record by which it is recognised, and what each stands for.
	of func(value func(column string) any) map[string]string
	// stored returns the texts of the records of these parents, with their IDs.
	stored func(ctx context.Context, db *repo.DB, parents []int64) (map[string]int64, error)
}

// kins are those of the nouns whose records would be added twice.
var kins = map[string]kin{
	"contact": {
		parent: "customer_id", same: "name or email", of: contactTexts,
		stored: storedTexts(contactFields, contactTexts, (*repo.DB).ContactsOf),
	},
	"contract": {
		parent: "customer_id", same: "total", isWeak: true, of: contractTexts,
		stored: storedTexts(contractFields, contractTexts, (*repo.DB).ContractsOf),
	},
	"event": {
		parent: "contract_id", same: "name and start", of: eventTexts,
		stored: storedTexts(eventFields, eventTexts, (*repo.DB).EventsOf),
	},
}

func contactTexts(value func(column string) any) map[string]string {
	texts := map[string]string{}
	for column, plain := range map[string]func(string) string{
		"full_name": finding.PersonKey, "email": finding.Fold, // a phone may be that of a switchboard
	} {
		if text, _ := value(column).(string); text != "" {
			name := strings.TrimPrefix(column, "full_")
			texts[fmt.Sprint(value("customer_id"), " ", name, " ", plain(text))] = name
		}
	}
	return texts
}

// A canceled contract is another one than one that is not.
func contractTexts(value func(column string) any) map[string]string {
	total, _ := value("total_amount").(repo.Money)
	key := fmt.Sprint(value("customer_id"), " ", total, " ", value("status") == "canceled")
	return map[string]string{key: "total"}
}

func eventTexts(value func(column string) any) map[string]string {
	start, _ := value("start_date").(time.Time)
	name, _ := value("name").(string)
	if start.IsZero() && name == "" || value("status") == "canceled" {
		return nil
	}
	return map[string]string{
		fmt.Sprint(value("contract_id"), " ", start.Unix(), " ", finding.Fold(name)): "name and start",
	}
}

// storedTexts returns the function that reads records and returns their texts.
func storedTexts[T any](fields []Field[T], texts func(func(string) any) map[string]string,
	read func(*repo.DB, context.Context, []int64) ([]T, error),
) func(context.Context, *repo.DB, []int64) (map[string]int64, error) {
	return func(ctx context.Context, db *repo.DB, parents []int64) (map[string]int64, error) {
		found := map[string]int64{}
		records, err := read(db, ctx, parents)
		for _, r := range records {
			value := func(column string) any {
				at := slices.IndexFunc(fields, func(f Field[T]) bool { return f.Name == column })
				return fields[at].Get(r)
			}
			id, _ := value("id").(int64)
			for text := range texts(value) {
				found[text] = id
			}
		}
		return found, err
	}
}

// unlikeSiblings refuses the rows of the batch that would add a record which its customer or contract had before the
// import, or has from an earlier row, unless --force or --key is given.
func (i *importing) unlikeSiblings(ctx context.Context) error {
	k, has := kins[i.noun]
	if !has || i.key != "" || i.in.Has("force") {
		return nil
	}
	adds := func(r imported) bool { return r.wrong == "" && r.id == 0 }
	var unread []int64
	for _, r := range i.batch {
		if parent, _ := r.change[k.parent].(int64); adds(r) && !i.read[parent] {
			i.read[parent] = true
			unread = append(unread, parent)
		}
	}
	if unread != nil {
		if err := i.writing.wait(); err != nil {
			return err
		}
		stored, err := k.stored(ctx, i.s.DB, unread)
		if err != nil {
			return err
		}
		maps.Copy(i.siblings, stored)
	}
	for at, r := range i.batch {
		if !adds(r) || k.isWeak && r.change["external_id"] != nil { // which tells them apart
			continue
		}
		texts := k.of(func(column string) any {
			if later, given := r.later[column]; given {
				return later
			}
			return r.change[column]
		})
		for _, text := range slices.Sorted(maps.Keys(texts)) {
			id := i.siblings[text]
			if id == 0 {
				continue
			}
			other := fmt.Sprintf("%s %d", i.noun, id)
			if id < 0 {
				other = fmt.Sprintf("%s %d", i.file.Unit, -id)
			}
			like := fmt.Sprintf("%s of the same %s has the same %s", other, strings.TrimSuffix(k.parent, "_id"),
				texts[text])
			if k.isWeak {
				i.alike++
				i.doubt(r.Row, like)
			} else {
				i.batch[at].forceable, i.batch[at].wrong = true, like+": "+anyway
			}
			break
		}
		if i.batch[at].wrong == "" && !k.isWeak {
			for text := range texts {
				i.siblings[text] = -int64(r.Line)
			}
		}
	}
	return nil
}

// importedBefore returns the error of a file all of whose rows are like records that are here, as when the same file is
// imported again; nil if it is none.
func (i *importing) importedBefore() error {
	if i.alike == 0 || i.alike < i.added+i.changed+i.same {
		return nil
	}
	what := "nothing was imported: " + isAre(int64(i.alike), i.noun) + " here already"
	lines := slices.Clone(i.doubts[:min(len(i.doubts), mostReported)])
	force := "--force imports them anyway"
	if i.alike == 1 {
		force = anyway
	}
	hint := strings.Join(append(lines, force), "\n")
	return &onlyForceable{&worded{what, hint, repo.ErrConflict}, lines, i.alike, ""}
}
