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

// hasLater reports whether a row of the addition sets columns that its record has only afterwards.
func (w *addition) hasLater() bool {
	return slices.ContainsFunc(w.adding, func(at int) bool { return len(w.batch[at].later) > 0 })
}

// seal makes an addition of the batch and begins another batch.
func (i *importing) seal() (*addition, error) {
	w := &addition{batch: i.batch}
	w.read, w.total = i.file.Progress()
	i.batch = make([]imported, 0, importBatch)
	return w, i.prepare(w)
}

// prepare seals the records of the rows that add one and are not refused.
func (i *importing) prepare(w *addition) (err error) {
	w.adding, w.ended = nil, make(chan struct{})
	var records []repo.Change
	for at, r := range w.batch {
		if r.id == 0 && r.wrong == "" {
			w.adding, records = append(w.adding, at), append(records, r.change)
		}
	}
	w.sealed, err = i.s.DB.Addition(i.noun, records)
	return err
}

// write begins to add the records of an addition; see finish.
func (i *importing) write(ctx context.Context, w *addition) {
	i.writing = w
	go func() {
		defer close(w.ended)
		if w.hasLater() {
			w.err = i.s.DB.BeginPart(ctx)
		}
		if w.adding != nil && w.err == nil {
			w.added, w.err = i.s.DB.AddMany(ctx, w.sealed)
		}
	}()
}

// finish waits for the records that write adds, changes existing ones, and adds refused rows to the rejects.
func (i *importing) finish(ctx context.Context) error {
	w := i.writing
	if w == nil {
		return nil
	}
	ids, err := i.settle(ctx, w)
	i.writing = nil
	if err == nil {
		err = i.update(ctx, w)
	}
	if err != nil {
		return err
	}
	changed := map[int64]imported{} // rows that overlaps checks
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
			i.changed++
			i.happened(r.id, "updated", r.change)
			changed[r.id] = r
		default:
			i.added++
			i.happened(ids[at], "added", r.change)
			if len(r.later) > 0 {
				changed[ids[at]] = r
			}
		}
	}
	i.show(w.read, w.total)
	return i.overlaps(ctx, changed)
}

// settle waits until the records of an addition are added, and sets what they have only afterwards. A record that does
// not get it is not added. It returns the IDs by the place of the row.
func (i *importing) settle(ctx context.Context, w *addition) (ids []int64, err error) {
	if err := w.wait(); err != nil {
		return nil, err
	}
	ids = make([]int64, len(w.batch))
	changes, places := map[int64]repo.Change{}, map[int64]int{}
	for j, at := range w.adding {
		r := &w.batch[at]
		ids[at] = w.added.IDs[j]
		if refused := w.added.Refused[j]; refused != nil {
			if r.wrong, err = i.inWords(ofParent(refused, r.change), r.Line, r.change); err != nil {
				return nil, err
			}
		} else if len(r.later) > 0 {
			changes[ids[at]], places[ids[at]] = r.later, at
		}
	}
	if !w.hasLater() {
		return ids, nil
	}
	changed, err := i.change(ctx, changes)
	if err != nil {
		return nil, err
	}
	for _, refused := range changed.Refused {
		r := &w.batch[places[refused.ID]]
		text, err := i.inWords(refused.Err, r.Line, r.later)
		if err != nil {
			return nil, err
		}
		columns := strings.Join(slices.Sorted(maps.Keys(r.later)), ", ")
		if isBare(refused.Err, repo.ErrDenied) {
			text = "not permitted for the role " + i.s.Me.Role
		}
		r.wrong = columns + ": " + strings.TrimPrefix(text, columns+": ")
	}
	again := changed.Refused != nil && i.in.Has("skip-bad") // else nothing is kept
	if err := i.s.DB.EndPart(ctx, again); err != nil || !again {
		return ids, err
	}
	for j := range w.added.Refused { // perhaps because of a row that is not added now
		w.batch[w.adding[j]].wrong = ""
	}
	for _, refused := range changed.Refused {
		r := w.batch[places[refused.ID]]
		i.unique.remove(r.Line, r.change)
	}
	if err := i.prepare(w); err != nil {
		return nil, err
	}
	i.write(ctx, w)
	return i.settle(ctx, w)
}

// change changes records, and returns those that are refused.
func (i *importing) change(ctx context.Context, changes map[int64]repo.Change) (repo.Changed, error) {
	if len(changes) == 0 {
		return repo.Changed{}, nil
	}
	return i.s.DB.ChangeMany(ctx, i.noun, changes, repo.Partly)
}

// update changes existing records.
func (i *importing) update(ctx context.Context, w *addition) error {
	changes, places := map[int64]repo.Change{}, map[int64]int{}
	for at, r := range w.batch {
		if r.wrong == "" && r.id != 0 && len(r.change) > 0 {
			changes[r.id], places[r.id] = r.change, at
		}
	}
	changed, err := i.change(ctx, changes)
	if err != nil {
		return err
	}
	for _, refused := range changed.Refused {
		r := &w.batch[places[refused.ID]]
		if r.wrong, err = i.inWords(named(refused.Err, i.noun, r.id), r.Line, r.change); err != nil {
			return err
		}
	}
	return nil
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
