package repo_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crm/repo"
)

// noteOf adds a note of a person on a record.
func (w *world) noteOf(person, noun string, id int64, c repo.Change) repo.Note {
	w.t.Helper()
	return ok[repo.Note](w.t)(w.as(person).AddNote(w.t.Context(), noun, id, c))
}

// Every reader of a record may add a note. Its author and management change it; it is found by its words, and its
// changes are undone.
func TestNotesOnRecords(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	k := w.contract(c, 1000, "signed").ID
	e := w.event(k, "support1").ID
	long := strings.Repeat("é", repo.NoteLimit-6) + "\nfin 😀"
	n := w.noteOf("support1", "customer", c, repo.Change{"text": long})
	if n.Text != long || n.Noun != "customer" || n.RecordID != c || *n.AuthorID != w.ids["support1"] ||
		n.Customer != "Company of sales1" {
		t.Errorf("the note: %+v", n)
	}
	w.noteOf("sales2", "contract", k, repo.Change{"text": "Wants to pay late"})
	w.noteOf("sales2", "event", e, repo.Change{"text": "Bring the piñata"})
	listed := func(f repo.NoteFilter) (texts []string) {
		t.Helper()
		f.Limit = 9
		for _, n := range ok[repo.List[repo.Note]](t)(w.as("manage").Notes(ctx, f)).Rows {
			texts = append(texts, n.Text)
		}
		return texts
	}
	for name, f := range map[string]struct {
		repo.NoteFilter
		want []string
	}{
		"customer": {repo.NoteFilter{Noun: "customer", RecordID: c}, []string{long}},
		"contract": {repo.NoteFilter{Noun: "contract", RecordID: k}, []string{"Wants to pay late"}},
		"events":   {repo.NoteFilter{Noun: "event"}, []string{"Bring the piñata"}},
		"author":   {repo.NoteFilter{AuthorID: w.ids["sales2"]}, []string{"Wants to pay late", "Bring the piñata"}},
		"search":   {repo.NoteFilter{Page: repo.Page{Search: "PINATA"}}, []string{"Bring the piñata"}},
	} {
		if got := listed(f.NoteFilter); !slices.Equal(got, f.want) {
			t.Errorf("%s: %q, want %q", name, got, f.want)
		}
	}
	if found := ok[repo.Everything](t)(w.as("support2").Find(ctx, "pay late", 5)); len(found.Notes) != 1 {
		t.Errorf("find: %+v", found.Notes)
	}
	is(t, failed(w.as("sales1").UpdateNote(ctx, n.ID, repo.Change{"text": "mine"})), repo.ErrDenied, "another's note")
	is(t, failed(w.as("sales1").DeleteNote(ctx, n.ID)), repo.ErrDenied, "deleting another's note")
	ok[repo.Note](t)(w.as("manage").UpdateNote(ctx, n.ID, repo.Change{"text": "Changed by management"}))
	w.undone("manage")
	if again := ok[repo.Note](t)(w.as("support1").Note(ctx, n.ID)); again.Text != long {
		t.Errorf("after undoing: %.40s…", again.Text)
	}
	ok[repo.Note](t)(w.as("support1").DeleteNote(ctx, n.ID))
	w.undone("support1")
	is(t, failed(w.as("sales1").AddNote(ctx, "event", 999, repo.Change{"text": "x"})), repo.ErrNotFound,
		"a note on nothing")
	ok[repo.Event](t)(w.as("manage").DeleteEvent(ctx, e))
	is(t, failed(w.as("sales1").AddNote(ctx, "event", e, repo.Change{"text": "x"})), repo.ErrNotFound,
		"a note on a deleted event")
	if _, err := w.try(w.token("sales1"), "insert into note (customer_id, event_id, text) values ($1, $2, $3)", c, e,
		w.forged("")); err == nil {
		t.Error("a note on two records was written")
	}
	if _, err := w.try(w.token("sales1"), "insert into note (customer_id, text, author_id) values ($1, $2, 1)", c,
		w.forged("")); sqlstate(err) != "42501" {
		t.Errorf("a note in another's name: %v", err)
	}
}

// A follow-up is listed for its author from its due day until it is done.
func TestFollowUps(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	today := time.Date(2030, 6, 4, 12, 0, 0, 0, time.UTC)
	n := w.noteOf("sales1", "customer", c, repo.Change{"text": "Call", "due": "2030-06-04"})
	w.noteOf("sales1", "customer", c, repo.Change{"text": "Later", "due": "2030-06-05"})
	w.noteOf("sales2", "customer", c, repo.Change{"text": "Somebody else", "due": "2030-06-01"})
	plain := w.noteOf("sales1", "customer", c, repo.Change{"text": "No follow-up"})
	waits := func(when string, want int) {
		t.Helper()
		f := repo.NoteFilter{Page: repo.Page{Limit: 9}, AuthorID: w.ids["sales1"], Due: &today}
		if got := ok[repo.List[repo.Note]](t)(w.as("sales1").Notes(ctx, f)).Rows; len(got) != want {
			t.Errorf("%s: %d follow-ups are due, want %d", when, len(got), want)
		}
	}
	waits("due", 1)
	list := ok[repo.List[repo.Note]](t)(w.as("sales1").Notes(ctx, repo.NoteFilter{
		Page: repo.Page{Limit: 9}, AuthorID: w.ids["sales1"], Due: &today,
	}))
	if len(list.Rows) != 1 || list.Rows[0].ID != n.ID {
		t.Errorf("due are %+v", list.Rows)
	}
	is(t, failed(w.as("sales2").DoneNote(ctx, n.ID)), repo.ErrDenied, "doing another's")
	is(t, failed(w.as("sales1").DoneNote(ctx, plain.ID)), repo.ErrConflict, "doing a note without a day")
	if done := ok[repo.Note](t)(w.as("sales1").DoneNote(ctx, n.ID)); done.DoneAt == nil {
		t.Errorf("done: %+v", done)
	}
	waits("done", 0)
	is(t, failed(w.as("sales1").DoneNote(ctx, n.ID)), repo.ErrConflict, "doing it twice")
	w.undone("sales1")
	waits("undone", 1)
}

// Notes on a customer and on its contracts and events are exported and erased with the customer. A long one is
// re-encrypted like any other.
func TestNotesArePersonalData(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	k := w.contract(c, 1000, "signed").ID
	e := w.event(k, "support1").ID
	other := w.noteOf("sales1", "customer", w.customer("sales1").ID, repo.Change{"text": "Of somebody else"})
	for noun, id := range map[string]int64{"customer": c, "contract": k, "event": e} {
		w.noteOf("sales1", noun, id, repo.Change{"text": "Zebulon likes waltzes, says the " + noun})
	}
	ok[repo.Tag](t)(w.as("sales1").AddTag(ctx, "customer", c, "vip"))
	data := ok[repo.PersonalData](t)(w.as("manage").ExportCustomer(ctx, c))
	if n := len(data.Records["note"]); n != 3 || !strings.HasPrefix(data.Records["note"][0]["text"].(string),
		"Zebulon likes") || data.Records["tag"][0]["name"] != "vip" {
		t.Errorf("exported: %v, %v", data.Records["note"], data.Records["tag"])
	}
	ok[repo.Contract](t)(w.as("manage").PayContract(ctx, k, 1000, nil))
	ok[repo.Contract](t)(w.as("manage").UpdateContract(ctx, k, repo.Change{"status": "finished"}))
	sealed := strings.Fields(read[string](w, `select string_agg(substr(v, 3), ' ') from (
		select text::text from note where id <> $1 union all select after->>'text' from audit where entity = 'note'
			and entity_id <> $1) x (v)`, other.ID))
	ok[int64](t)(w.as("admin").EraseCustomer(ctx, c))
	dump := w.dump()
	if len(sealed) != 6 || slices.ContainsFunc(sealed, func(s string) bool { return strings.Contains(dump, s) }) {
		t.Errorf("of %d sealed texts some are still there", len(sealed))
	}
	texts := map[string]int{}
	for _, n := range ok[repo.List[repo.Note]](t)(w.as("sales1").Notes(ctx, repo.NoteFilter{
		Page: repo.Page{Limit: 9},
	})).Rows {
		texts[n.Text]++
	}
	if texts[repo.Erased] != 3 || texts["Of somebody else"] != 1 {
		t.Errorf("the notes: %v", texts)
	}
	w.verify()
}

// Lists are filtered by a tag. A record has a tag at most once; removing and adding it are undone.
func TestTags(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c, other := w.customer("sales1").ID, w.customer("sales2").ID
	k := w.contract(c, 1000, "signed").ID
	e := w.event(k, "support1").ID
	db := w.as("support2")
	for noun, id := range map[string]int64{"customer": c, "contract": k, "event": e} {
		ok[repo.Tag](t)(db.AddTag(ctx, noun, id, "vip"))
		is(t, failed(db.AddTag(ctx, noun, id, "vip")), repo.ErrConflict, "the same tag on %s", noun)
	}
	ok[repo.Tag](t)(db.AddTag(ctx, "customer", other, "new"))
	page := repo.Page{Limit: 9}
	count := func(when string, want int) {
		t.Helper()
		customers := ok[repo.List[repo.Customer]](t)(db.Customers(ctx, repo.CustomerFilter{Page: page, Tag: "vip"})).
			Rows
		contracts := ok[repo.List[repo.Contract]](t)(db.Contracts(ctx, repo.ContractFilter{Page: page, Tag: "vip"})).
			Rows
		events := ok[repo.List[repo.Event]](t)(db.Events(ctx, repo.EventFilter{Page: page, Tag: "vip"})).Rows
		if len(customers) != want || len(contracts) != 1 || len(events) != 1 {
			t.Errorf("%s: tagged are %d customers, %d contracts and %d events", when, len(customers), len(contracts),
				len(events))
		}
	}
	count("tagged", 1)
	if all := ok[[]repo.TagCount](t)(db.Tags(ctx, "", 0)); !slices.Equal(all, []repo.TagCount{
		{Name: "new", Count: 1}, {Name: "vip", Count: 3},
	}) {
		t.Errorf("all tags: %v", all)
	}
	if own := ok[[]repo.TagCount](t)(db.Tags(ctx, "customer", c)); !slices.Equal(own, []repo.TagCount{
		{Name: "vip", Count: 1},
	}) {
		t.Errorf("tags of the customer: %v", own)
	}
	ok[repo.Tag](t)(db.RemoveTag(ctx, "customer", c, "vip"))
	count("removed", 0)
	is(t, failed(db.RemoveTag(ctx, "customer", c, "vip")), repo.ErrNotFound, "removing it twice")
	w.undone("support2")
	count("undone", 1)
	ok[repo.Tag](t)(db.RemoveTag(ctx, "customer", c, "vip"))
	ok[repo.Tag](t)(db.AddTag(ctx, "customer", c, "vip"))
	count("added again", 1)
	is(t, failed(db.AddTag(ctx, "event", 999, "vip")), repo.ErrNotFound, "a tag on nothing")
}
