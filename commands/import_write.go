package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crm/commands/intake"
	"crm/repo"
)

// This file writes the records of an import.

// doubt adds a warning about a value that is accepted.
func (i *importing) doubt(row intake.Row, text string) {
	if text != "" && len(i.doubts) < mostRefusals {
		i.doubts = append(i.doubts, fmt.Sprintf("%s %d: %s", i.file.Unit, row.Line, text))
	}
}

// begin gives a contract that is canceled or finished in the file a state in which it may be added. A canceled one is
// canceled after that. A finished one stays signed, for its payments and events can be added only then.
func (i *importing) begin(r *imported) {
	switch r.change["status"] {
	case "canceled":
		delete(r.change, "status")
		r.later["status"] = "canceled"
	case "finished":
		r.change["status"] = "signed"
		i.unfinished++
		i.unkeyed = i.unkeyed || r.change["external_id"] == nil
	}
}

// An addition is a batch that the database is adding, or adds next.
type addition struct {
	batch  []imported
	adding []int // the places of the rows that add a record
	sealed repo.Addition
	added  repo.Added
	err    error
	ended  chan struct{}

	read, total int64 // of the file, up to here
}

// wait waits until the database has answered. Until then the connection is in use.
func (w *addition) wait() error {
	if w == nil {
		return nil
	}
	<-w.ended
	return w.err
}

// seal makes an addition of the batch and begins another batch.
func (i *importing) seal() (w *addition, err error) {
	w = &addition{batch: i.batch, ended: make(chan struct{})}
	w.read, w.total = i.file.Progress()
	i.batch = make([]imported, 0, importBatch)
	var records []repo.Change
	for at, r := range w.batch {
		if r.id == 0 && r.wrong == "" {
			w.adding, records = append(w.adding, at), append(records, r.change)
		}
	}
	w.sealed, err = i.s.DB.Addition(i.noun, records)
	return w, err
}

// write begins to add the records of an addition; see finish.
func (i *importing) write(ctx context.Context, w *addition) {
	i.writing = w
	go func() {
		defer close(w.ended)
		if w.adding != nil {
			w.added, w.err = i.s.DB.AddMany(ctx, w.sealed)
		}
	}()
}

// finish waits for the records that write adds, adds refused rows to the rejects, and changes existing records.
func (i *importing) finish(ctx context.Context) error {
	w := i.writing
	i.writing = nil
	if w == nil {
		return nil
	}
	if err := w.wait(); err != nil {
		return err
	}
	ids := make([]int64, len(w.batch))
	for j, at := range w.adding {
		ids[at] = w.added.IDs[j]
		if err := w.added.Refused[j]; err != nil {
			text, err := i.inWords(ofParent(err, w.batch[at].change))
			if err != nil {
				return err
			}
			w.batch[at].wrong = text
		}
	}
	changes, by := map[int64]repo.Change{}, map[int64]imported{}
	for at, r := range w.batch {
		switch {
		case r.wrong != "":
			if r.forceable {
				i.forceable++
			}
			if err := i.refused.add(r.Row, i.file.Unit, r.wrong); err != nil {
				return err
			}
		case r.id != 0 && len(r.change) == 0:
			i.same++
		case r.id != 0:
			changes[r.id], by[r.id] = r.change, r
		default:
			i.added++
			i.happened(ids[at], "added", r.change)
			if len(r.later) > 0 {
				changes[ids[at]], by[ids[at]] = r.later, r
			}
		}
	}
	i.show(w.read, w.total)
	return i.update(ctx, changes, by)
}

// ofParent names the record, such as the contract of a payment, whose owner alone may add to it.
func ofParent(err error, added repo.Change) error {
	for _, noun := range []string{"contract", "customer"} {
		if id, has := added[noun+"_id"].(int64); has && isBare(err, repo.ErrDenied) {
			return named(err, noun, id)
		}
	}
	return err
}

// update changes records, and added ones in the columns that they have only afterwards.
func (i *importing) update(ctx context.Context, changes map[int64]repo.Change, by map[int64]imported) error {
	if len(changes) == 0 {
		return nil
	}
	changed, err := i.s.DB.ChangeMany(ctx, i.noun, changes, repo.Partly)
	if err != nil {
		return err
	}
	for _, r := range changed.Refused {
		row := by[r.ID]
		delete(by, r.ID)
		if text, _ := Describe(r.Err); row.id == 0 && i.in.Has("skip-bad") {
			i.doubt(row.Row, fmt.Sprintf("%s %d was added without %s: %s", i.noun, r.ID,
				allOf(slices.Sorted(maps.Keys(row.later))), text))
			continue
		}
		text, err := i.inWords(named(r.Err, i.noun, r.ID))
		if err == nil {
			err = i.refused.add(row.Row, i.file.Unit, text)
		}
		if err != nil {
			return err
		}
	}
	for id, r := range by {
		if r.id != 0 {
			i.changed++
			i.happened(id, "updated", r.change)
		}
	}
	return i.overlaps(ctx, by)
}

// overlaps warns of changed events that overlap others of their support contact (D9).
func (i *importing) overlaps(ctx context.Context, by map[int64]imported) error {
	if i.noun != "event" || len(by) == 0 || len(i.doubts) >= mostRefusals {
		return nil
	}
	found, err := i.s.DB.OverlapsOf(ctx, slices.Collect(maps.Keys(by)), mostRefusals)
	for _, o := range found {
		i.doubt(by[o.EventID].Row, overlapLine(i.s, o))
	}
	return err
}

// happened adds an event to report (R31): each collaborator and contract; of other records only the number.
func (i *importing) happened(id int64, what string, change repo.Change) {
	if status, sets := change["status"].(string); sets {
		i.events = append(i.events, happened(i.noun, id, status))
	}
	if i.noun == "user" {
		i.events = append(i.events, happened(i.noun, id, what))
	}
}

// inWords returns the reason for which the database refuses a row; another error ends the import. It names the column
// in place of the flag.
func (i *importing) inWords(err error) (string, error) {
	if !Readable(err) {
		return "", err
	}
	text, _ := Describe(i.s.inCurrency(err))
	for _, t := range i.targets {
		if why, is := strings.CutPrefix(text, "invalid --"+t.from+": "); is {
			return t.column + ": " + why, nil
		}
	}
	return text, nil
}
