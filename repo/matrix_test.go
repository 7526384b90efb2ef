package repo_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crm/repo"
)

// responsibilities is S4, written by hand, for comparison with schema.sql.
const responsibilities = `
user.view        A A A A
customer.view    A A A A
contact.view     A A A A
contract.view    A A A A
event.view       A A A A
note.view        A A A A
user.add         A A - -
user.update      A A - -
user.delete      A A - -
customer.add     A - A -
customer.update  A - O -
customer.delete  A - - -
contact.add      A - O -
contact.update   A - O -
contact.delete   A - O -
contract.add     A A - -
contract.update  A A O -
contract.delete  - - - -
event.add        A - O -
event.update     A A - O
event.delete     A A - -
event.cancel     A A - -
note.add         A A A A
note.update      A A O O
note.delete      A A O O
tag.view         A A A A
tag.add          A A A A
tag.delete       A A A A
map.view         A A A A
map.add          A A A A
map.delete       A O O O
view.view        A A A A
view.add         A A A A
view.update      O O O O
view.delete      A O O O
user.unlock      A A - -
user.reset       A A - -
user.sessions    A A - -
user.handover    A A - -
user.mfa         A - - -
audit.view       A - - -
customer.export  A A - -
customer.erase   A - - -
customer.merge   A - O -`

// matrix is responsibilities by action and role.
func matrix() map[string]map[string]string {
	m := map[string]map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(responsibilities)) {
		f := strings.Fields(line)
		m[f[0]] = map[string]string{"admin": f[1], "manage": f[2], "sales": f[3], "support": f[4]}
	}
	return m
}

// may reports whether a person may perform the action on the records of set 1 (sales1's, support1's) or 2. An action on
// a note or view ends in its author's role.
func may(person, action string, set int) bool {
	action, author, _ := strings.Cut(action, " ")
	if author != "" && matrix()[action][roleOf(person)] == "O" && roleOf(person) != author {
		return false
	}
	switch matrix()[action][roleOf(person)] {
	case "A":
		return true
	case "O":
		return strings.HasSuffix(person, string(rune('0'+set)))
	}
	return false
}

// A trial is one action on one set's records: through the program and as a statement.
type trial struct {
	action string
	set    int
	run    func(*repo.DB) error // nil: the program has no such function
	sql    string
	args   []any
}

// failed drops the value of a repo function.
func failed[T any](_ T, err error) error { return err }

// listed returns the error of a list.
func listed[T any](found repo.List[T], err error) error {
	if err == nil && len(found.Rows) == 0 {
		return repo.ErrNotFound
	}
	return err
}

// trials adds one set of records and returns all actions on it.
func (w *world) trials(set int) []trial {
	ctx, sealed := context.Background(), w.forged("")
	sales, support, spare := [...]string{"", "sales1", "sales2"}[set], [...]string{"", "support1", "support2"}[set],
		[...]string{"", "spare1", "spare2"}[set]
	w.add(spare, "sales")
	user := w.ids[spare]
	c, free := w.customer(sales).ID, w.customer(sales).ID
	k := w.contract(c, 100000, "signed").ID
	e, off := w.event(k, support).ID, w.event(k, support).ID
	ok[repo.Event](w.t)(w.as("manage").CancelEvent(ctx, off))
	ids := []any{c}
	noted := map[bool]int64{} // notes of the set's sales contact, and of its support contact
	for _, isSales := range []bool{true, false} {
		author := map[bool]string{true: sales, false: support}[isSales]
		noted[isSales] = ok[repo.Note](w.t)(w.as(author).AddNote(ctx, "customer", c, repo.Change{"text": "Noted"})).ID
	}
	ok[repo.Tag](w.t)(w.as("admin").AddTag(ctx, "customer", c, "old"))
	n, gone := w.contact(c).ID, w.contact(c).ID
	ok[repo.Contact](w.t)(w.as("admin").DeleteContact(ctx, gone))
	list := []trial{
		{"user.view", set, func(db *repo.DB) error {
			return listed(db.Users(ctx, repo.UserFilter{Page: repo.Page{Limit: 9}}))
		}, "select * from users", nil},
		{"user.view", set, func(db *repo.DB) error {
			return failed(db.User(ctx, user))
		}, "select id, deleted_at from collaborator where id = $1", []any{user}},
		{"user.view", set, func(db *repo.DB) error {
			return failed(db.History(ctx, "user", user))
		}, "select * from history('user', $1)", []any{user}},
		{"customer.view", set, func(db *repo.DB) error {
			return listed(db.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Limit: 9}}))
		}, "select * from customers", nil},
		{"customer.view", set, func(db *repo.DB) error {
			return failed(db.Customer(ctx, c))
		}, "select id, deleted_at from customer where id = $1", ids},
		{"customer.view", set, func(db *repo.DB) error {
			return failed(db.History(ctx, "customer", c))
		}, "select * from history('customer', $1)", ids},
		{"contact.view", set, func(db *repo.DB) error {
			return listed(db.Contacts(ctx, repo.ContactFilter{Page: repo.Page{Limit: 9}}))
		}, "select * from contacts", nil},
		{"contact.view", set, func(db *repo.DB) error {
			return failed(db.Contact(ctx, n))
		}, "select id, deleted_at from contact where id = $1", []any{n}},
		{"contact.view", set, func(db *repo.DB) error {
			return failed(db.History(ctx, "contact", n))
		}, "select * from history('contact', $1)", []any{n}},
		{"contract.view", set, func(db *repo.DB) error {
			return listed(db.Contracts(ctx, repo.ContractFilter{Page: repo.Page{Limit: 9}}))
		}, "select * from contracts", nil},
		{"contract.view", set, func(db *repo.DB) error {
			return failed(db.Contract(ctx, k))
		}, "select id, deleted_at from contract where id = $1", []any{k}},
		{"contract.view", set, func(db *repo.DB) error {
			return failed(db.History(ctx, "contract", k))
		}, "select * from history('contract', $1)", []any{k}},
		{"event.view", set, func(db *repo.DB) error {
			return listed(db.Events(ctx, repo.EventFilter{Page: repo.Page{Limit: 9}}))
		}, "select * from events", nil},
		{"event.view", set, func(db *repo.DB) error {
			return failed(db.Event(ctx, e))
		}, "select id, deleted_at from event where id = $1", []any{e}},
		{"event.view", set, func(db *repo.DB) error {
			return failed(db.History(ctx, "event", e))
		}, "select * from history('event', $1)", []any{e}},
		{
			"user.add", set, func(db *repo.DB) error {
				return failed(
					db.AddUser(ctx,
						repo.Change{
							"first_name": text("New"), "last_name": text("New"), "email": text("new@epic.example"),
							"role": text("sales"),
						},
						&repo.Password{
							MemoryKiB: 64, Iterations: 1, Parallelism: 1, Salt: make([]byte, 16),
							KeyHash: make([]byte, 32),
						}))
			},
			"insert into collaborator (first_name, last_name, email, role) values ('New', 'New', 'new@epic.example', " +
				"'sales')", nil,
		},
		{"user.update", set, func(db *repo.DB) error {
			return failed(db.UpdateUser(ctx, user, repo.Change{"last_name": text("New")}, nil))
		}, "update collaborator set last_name = 'New' where id = $1", []any{user}},
		{"user.delete", set, func(db *repo.DB) error {
			return failed(db.DeleteUser(ctx, user, nil))
		}, "update collaborator set deleted_at = now() where id = $1", []any{user}},
		{"customer.add", set, func(db *repo.DB) error {
			return failed(db.AddCustomer(ctx, repo.Change{"company_name": text("New"), "full_name": text("New")}))
		}, "insert into customer (company_name, full_name) values ($1, $1)", []any{sealed}},
		{"customer.update", set, func(db *repo.DB) error {
			return failed(db.UpdateCustomer(ctx, c, repo.Change{"phone": text("")}))
		}, "update customer set phone = null where id = $1", ids},
		{"customer.delete", set, func(db *repo.DB) error {
			return failed(db.DeleteCustomer(ctx, free))
		}, "update customer set deleted_at = now() where id = $1", []any{free}},
		{"contact.add", set, func(db *repo.DB) error {
			return failed(db.AddContact(ctx, repo.Change{"customer_id": c, "full_name": "New"}))
		}, "insert into contact (customer_id, full_name) values ($1, $2)", []any{c, sealed}},
		{"contact.update", set, func(db *repo.DB) error {
			return failed(db.UpdateContact(ctx, n, repo.Change{"first": true}))
		}, "update contact set first_at = now() where id = $1", []any{n}},
		{"contact.delete", set, func(db *repo.DB) error {
			return failed(db.DeleteContact(ctx, n))
		}, "update contact set deleted_at = now() where id = $1", []any{n}},
		{"contact.delete", set, func(db *repo.DB) error {
			return failed(db.RestoreContact(ctx, gone))
		}, "update contact set deleted_at = null where id = $1", []any{gone}},
		{"contract.add", set, func(db *repo.DB) error {
			return failed(db.AddContract(ctx, repo.Change{"customer_id": &c}))
		}, "insert into contract (customer_id) values ($1)", ids},
		{"contract.update", set, func(db *repo.DB) error {
			return failed(db.UpdateContract(ctx, k, repo.Change{"total_amount": ptr(repo.Money(200000))}))
		}, "update contract set total_amount = 2000 where id = $1", []any{k}},
		{"contract.update", set, func(db *repo.DB) error {
			return failed(db.PayContract(ctx, k, 100, nil))
		}, "insert into payment (contract_id, amount) values ($1, 1)", []any{k}},
		{"contract.update", set, func(db *repo.DB) error {
			return failed(db.UpdateContract(ctx, k, repo.Change{"remaining_amount": ptr(repo.Money(5))}))
		}, "insert into payment (contract_id, amount) select id, remaining_amount from contracts where id = $1", []any{
			k,
		}},
		{"contract.delete", set, nil, "update contract set deleted_at = now() where id = $1", []any{k}},
		{"event.add", set, func(db *repo.DB) error {
			return failed(db.AddEvent(ctx, newEvent(&k)))
		}, "insert into event (contract_id, name, start_date, end_date) values ($1, 'Gala', now(), now() + interval " +
			"'1 hour')", []any{k}},
		{"event.update", set, func(db *repo.DB) error {
			return failed(db.UpdateEvent(ctx, e, repo.Change{"comments": text("New")}))
		}, "update event set comments = 'New' where id = $1", []any{e}},
		{"event.delete", set, func(db *repo.DB) error {
			return failed(db.DeleteEvent(ctx, e))
		}, "update event set deleted_at = now() where id = $1", []any{e}},
	}
	list = append(list,
		trial{"event.cancel", set, func(db *repo.DB) error {
			return failed(db.CancelEvent(ctx, e))
		}, "update event set canceled_at = now() where id = $1", []any{e}},
		trial{"event.cancel", set, func(db *repo.DB) error {
			return failed(db.RestoreEvent(ctx, off))
		}, "update event set canceled_at = null where id = $1", []any{off}})
	list = append(list,
		trial{"note.view", set, func(db *repo.DB) error {
			return listed(db.Notes(ctx, repo.NoteFilter{Page: repo.Page{Limit: 9}}))
		}, "select * from notes", nil},
		trial{"note.view", set, func(db *repo.DB) error {
			return failed(db.History(ctx, "note", noted[true]))
		}, "select * from history('note', $1)", []any{noted[true]}},
		trial{"note.add", set, func(db *repo.DB) error {
			return failed(db.AddNote(ctx, "customer", c, repo.Change{"text": "New"}))
		}, "insert into note (customer_id, text) values ($1, $2)", []any{c, sealed}},
		trial{"note.add", set, func(db *repo.DB) error {
			return failed(db.AddNote(ctx, "event", e, repo.Change{"text": "New"}))
		}, "insert into note (event_id, text) values ($1, $2)", []any{e, sealed}},
		trial{"tag.view", set, func(db *repo.DB) error {
			return failed(db.Tags(ctx, "", 0))
		}, "select * from tags", nil},
		trial{"tag.add", set, func(db *repo.DB) error {
			return failed(db.AddTag(ctx, "contract", k, "new"))
		}, "insert into tag (contract_id, name) values ($1, 'new')", []any{k}},
		trial{
			"tag.delete", set, func(db *repo.DB) error { return failed(db.RemoveTag(ctx, "customer", c, "old")) },
			"update tag set deleted_at = now() where id = (select id from tags " +
				"where customer_id = $1 and name = 'old' and deleted_at is null)", ids,
		})
	list = append(list,
		trial{
			"view.view", set, func(db *repo.DB) error { return failed(db.Views(ctx)) },
			"select * from saved_views", nil,
		},
		trial{"view.add", set, func(db *repo.DB) error {
			return failed(db.AddView(ctx, "new", "customer list"))
		}, "insert into saved_view (name, command) values ('new', $1)", []any{sealed}})
	for isSales, author := range map[bool]string{true: sales, false: support} {
		own := map[bool]string{true: "sales", false: "support"}[isSales]
		v := ok[repo.View](w.t)(w.as(author).AddView(ctx, author, "customer list"))
		ok[repo.View](w.t)(w.as(author).UpdateView(ctx, v.ID, repo.Change{"shared_with": repo.SharedWithAll}))
		list = append(list,
			trial{"view.update " + own, set, func(db *repo.DB) error {
				return failed(db.UpdateView(ctx, v.ID, repo.Change{"shared_with": nil}))
			}, "update saved_view set shared_with = null where id = $1", []any{v.ID}},
			trial{"view.delete " + own, set, func(db *repo.DB) error {
				return failed(db.DeleteView(ctx, v.ID))
			}, "update saved_view set deleted_at = now() where id = $1", []any{v.ID}})
		m := ok[repo.Map](w.t)(w.as(author).AddMap(ctx, author, "customer", "Firma=company_name"))
		list = append(list,
			trial{
				"map.view", set, func(db *repo.DB) error { return failed(db.Maps(ctx)) },
				"select * from saved_maps", nil,
			},
			trial{"map.add", set, func(db *repo.DB) error {
				return failed(db.AddMap(ctx, "new", "customer", "Firma=company_name"))
			}, "insert into saved_map (name, noun, pairs) values ('new', 'customer', 'Firma=company_name')", nil},
			trial{"map.delete " + own, set, func(db *repo.DB) error {
				return failed(db.DeleteMap(ctx, m.ID))
			}, "update saved_map set deleted_at = now() where id = $1", []any{m.ID}})
	}
	for isSales, id := range noted { // a note is its author's, whose role the trial's role stands for
		own := map[bool]string{true: "sales", false: "support"}[isSales]
		list = append(list,
			trial{"note.update " + own, set, func(db *repo.DB) error {
				return failed(db.UpdateNote(ctx, id, repo.Change{"text": "New"}))
			}, "update note set due = '2030-01-01' where id = $1", []any{id}},
			trial{"note.delete " + own, set, func(db *repo.DB) error {
				return failed(db.DeleteNote(ctx, id))
			}, "update note set deleted_at = now() where id = $1", []any{id}})
	}
	// no statement really deletes a record
	for _, table := range []string{"collaborator", "customer", "contact", "contract", "event", "note"} {
		noun := strings.Replace(table, "collaborator", "user", 1)
		list = append(list, trial{noun + ".destroy", set, nil, "delete from " + table, nil})
	}
	return append(list, trial{"contract.destroy", set, nil, "delete from payment", nil}, trial{
		"contract.destroy", set, nil, "update payment set amount = 1", nil,
	})
}

// badTokens are all the ways in which a person is not signed in.
func (w *world) badTokens(person string) map[string]string {
	ctx, role := context.Background(), roleOf(person)
	mine, other, over := w.open(person), w.open("spare1"), w.open(person)
	if err := w.db.As(func() (string, error) { return good(over), nil }).SignOut(ctx); err != nil {
		w.t.Fatal(err)
	}
	leaver, mover := "leaver-"+person, "mover-"+person
	w.add(leaver, role)
	w.add(mover, role)
	left, moved := w.open(leaver), w.open(mover)
	ok[repo.User](w.t)(w.as("admin").DeleteUser(ctx, w.ids[leaver], nil))
	to := map[string]string{"admin": "manage"}[role]
	if to == "" {
		to = "admin"
	}
	ok[repo.User](w.t)(w.as("admin").UpdateUser(ctx, w.ids[mover], repo.Change{"role": &to}, nil))
	token, fresh, hour := good(mine), claims(mine, 0, 10*time.Minute), time.Hour
	unsigned := token[:strings.LastIndex(token, ".")+1]
	swapped := claims(repo.Opening{SessionID: mine.SessionID, UserID: other.UserID}, 0, hour)
	return map[string]string{
		"none": "", "blank": " ", "word": "admin", "header only": token[:37],
		"expired":  jwt(hs256, claims(mine, -hour, -time.Second), mine.Key),
		"no end":   jwt(hs256, strings.Replace(fresh, `"exp"`, `"end"`, 1), mine.Key),
		"not yet":  jwt(hs256, claims(mine, hour, 2*hour), mine.Key),
		"no start": jwt(hs256, strings.Replace(fresh, `"iat"`, `"at"`, 1), mine.Key),
		"forged":   jwt(hs256, fresh, make([]byte, 32)), "empty key": jwt(hs256, fresh, nil),
		"alg none":      jwt(`{"alg":"none","typ":"JWT"}`, fresh, mine.Key),
		"unsigned none": "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + strings.Split(token, ".")[1] + ".",
		"RS256":         jwt(`{"alg":"RS256","typ":"JWT"}`, fresh, mine.Key),
		"HS512":         jwt(`{"alg":"HS512","typ":"JWT"}`, fresh, mine.Key),
		"header order":  jwt(`{"typ":"JWT","alg":"HS256"}`, fresh, mine.Key),
		"revoked":       good(over), "deleted user": good(left), "role changed": good(moved),
		"other's session":           jwt(hs256, claims(other, 0, hour), mine.Key),
		"own session, other's name": jwt(hs256, swapped, mine.Key),
		"own name, other's key":     jwt(hs256, fresh, other.Key), "no session": jwt(hs256, `{"sub":"1"}`, mine.Key),
		"sub of none": jwt(hs256, strings.Replace(fresh, `"sub"`, `"who"`, 1), mine.Key),
		"list":        jwt(hs256, `[1]`, mine.Key), "no JSON": jwt(hs256, "x", mine.Key),
		"truncated": token[:len(token)-1], "unsigned": unsigned, "padded": token + "=", "space before": " " + token,
		"space after": token + " ", "newline": token + "\n",
		"space within": token[:50] + " " + token[50:], "extra part": token + ".x", "upper case": strings.ToUpper(token),
		"huge":        token + strings.Repeat("A", 100_000),
		"huge claims": jwt(hs256, strings.Repeat(" ", 2000)+fresh, mine.Key),
		"deep":        jwt(hs256, strings.Repeat("[", 600), mine.Key), "no UTF-8": jwt(hs256, "\xff\xfe", mine.Key),
		"big number": jwt(hs256, `{"sid":1e99}`, mine.Key),
	}
}

// S4, R3, R5, R17, R18, R20, R22, R28: for every role, action, and own or other record, the program and the raw
// statement agree with the table above: with the own token, with another's, and with each bad token. A refused
// statement changes no row.
func TestMatrix(t *testing.T) {
	t.Parallel()
	var tried atomic.Int64
	t.Cleanup(func() { t.Logf("%d statements tried raw, and through the program where it has them", tried.Load()) })
	for person, other := range map[string]string{
		"admin": "support2", "manage": "sales2", "sales1": "sales2", "support1": "support2",
	} {
		t.Run(person, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			all := append(w.trials(1), w.trials(2)...)
			bad, good := w.badTokens(person), map[string]string{person: w.token(person), other: w.token(other)}
			before := w.checksums()
			for _, tr := range all {
				for caller, token := range good {
					w.attempt(tr, caller, token, may(caller, tr.action, tr.set))
				}
				for kind, token := range bad {
					w.attempt(tr, kind, token, false)
				}
				tried.Add(int64(len(good) + len(bad)))
				if after := w.checksums(); after != before {
					t.Fatalf("%s of set %d, tried by %s, left something:\n%s\n%s", tr.action, tr.set, person, before,
						after)
				}
			}
		})
	}
}

// attempt compares both results of one trial with the expected one. caller is a person with a good token, or names the
// fault of the token.
func (w *world) attempt(tr trial, caller, token string, allowed bool) {
	w.t.Helper()
	n, err := w.try(token, tr.sql, tr.args...)
	want, refusal := []string{"28000", ""}, repo.ErrSignedOut
	if slices.Contains(people, caller) {
		want, refusal = []string{"42501", ""}, repo.ErrDenied
	}
	if strings.HasSuffix(tr.action, ".destroy") || tr.action == "contract.delete" {
		want = []string{"42501"} // no role has that privilege
	}
	switch {
	case allowed && (err != nil || n == 0):
		w.t.Errorf("%s of set %d by %s: %d rows, %v; want it done", tr.sql, tr.set, caller, n, err)
	case !allowed && (n != 0 || !slices.Contains(want, sqlstate(err))):
		w.t.Errorf("%s of set %d by %s: %d rows, %v; want a refusal %q", tr.sql, tr.set, caller, n, err, want)
	}
	if tr.run == nil {
		return
	}
	ctx := context.Background()
	db, commit, rollback, err := w.db.As(func() (string, error) { return token, nil }).Atomic(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rollback(ctx) }()
	switch err := tr.run(db); {
	case allowed && err != nil:
		w.t.Errorf("program: %s of set %d by %s: %v; want it done", tr.action, tr.set, caller, err)
	case !allowed && !errors.Is(err, refusal):
		w.t.Errorf("program: %s of set %d by %s: %v; want %v", tr.action, tr.set, caller, err, refusal)
	case !allowed:
		_ = commit(ctx) // makes effects of a refusal permanent, if any
	}
}

// S4: the matrix in the database, as each role reads it, equals that table.
func TestPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, person := range people {
		_, told, _, err := w.as(person).Whoami(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, p := range told {
			got[p.Action] = map[string]string{"all": "A", "own": "O"}[p.Scope]
		}
		for action, roles := range matrix() {
			if want := strings.Trim(roles[roleOf(person)], "-"); got[action] != want {
				t.Errorf("%s %s: %q, want %q", person, action, got[action], want)
			}
			delete(got, action)
		}
		if len(got) > 0 {
			t.Errorf("%s may also %v", person, got)
		}
	}
}
