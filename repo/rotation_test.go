package repo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"crm/commands"
	"crm/commands/operator"
	"crm/repo"
	"crm/security"
)

// rotating returns a world whose program follows a keyset file, with n customers with distinct names.
func rotating(t *testing.T, n int) (w *world, r operator.Rotation, ids []int64) {
	w = newWorld(t)
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := security.WriteKeyset(file); err != nil {
		t.Fatal(err)
	}
	w.takeKey(keyOf(t, file))
	w.openWith(ok[repo.Vault](t)(commands.Unseal(nil, file)))
	for i := range n {
		c := ok[repo.Customer](t)(w.as("sales1").AddCustomer(ctx, repo.Change{
			"company_name": text("Company %s", uniqueWord(i)), "full_name": text("Lou Bouzin"),
			"email": text("%s@bouzin.example", uniqueWord(i)), "phone": text("+336%08d", i),
		}))
		ids = append(ids, c.ID)
	}
	said := func(text string) { t.Log(text) }
	return w, operator.Rotation{Admin: w.admin, KeysetFile: file, Say: said, Happened: func(commands.Event) {}}, ids
}

// uniqueWord returns a word that only the i-th customer has.
func uniqueWord(i int) string {
	return strings.Map(func(r rune) rune { return r - '0' + 'b' }, fmt.Sprintf("%06d", i*7919+100_000))
}

// foreign counts the rows with values that are sealed with another key than that.
func (w *world) foreign(key uint32) int64 {
	return read[int64](w,
		`select (select count(*) from crm.customer c, unnest(array[c.company_name, c.full_name, c.email, c.phone]) v
			where substr(v, 2, 4) <> int4send($1::bigint::bit(32)::int))
		+ (select count(*) from crm.audit a, unnest(array[a.before, a.after]) kept, jsonb_each_text(kept) v
			where v.value like '\\x01%' and substr(v.value, 5, 8) <> lpad(to_hex($1::bigint), 8, '0'))`, key)
}

func keyOf(t *testing.T, file string) uint32 {
	return ok[*security.Keyring](t)(security.OpenKeyring(file)).KeyID()
}

// S10: during a rotation a program that was started before it reads, finds and changes every customer. Of two workers,
// which take all the time that the rotation leaves, one also changes.
func TestRotationWhileOthersWork(t *testing.T) {
	const n = 450
	w, r, ids := rotating(t, n)
	ctx := context.Background()
	old := keyOf(t, r.KeysetFile)
	reached, work := make(chan struct{}), sync.WaitGroup{}
	var stop atomic.Bool
	var looked atomic.Int64
	for worker := range 2 {
		work.Go(func() {
			db := w.as("sales1")
			for i := worker; !stop.Load(); i = (i + 7) % n {
				if err := look(ctx, db, ids[i], i); err != nil {
					t.Error(err)
					stop.Store(true)
				}
				if worker == 0 { // the same text again: sealed with the key in use
					if _, err := db.UpdateCustomer(ctx, ids[i], repo.Change{"company_name": text("Company %s",
						uniqueWord(i))}); err != nil && !errors.Is(err, repo.ErrConflict) {
						t.Error(err)
					}
				}
				if looked.Add(1) == 20 {
					close(reached)
				}
			}
		})
	}
	<-reached
	before := looked.Load()
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
	during := looked.Load() - before
	stop.Store(true)
	work.Wait()
	t.Logf("%d looks during the rotation", during)
	if during < 10 {
		t.Error("no reader ran: the test tests nothing")
	}
	if key := keyOf(t, r.KeysetFile); key == old {
		t.Error("the key is the old one")
	}
	if err := r.Retire(ctx); err != nil {
		t.Fatal(err)
	}
	if left := w.foreign(keyOf(t, r.KeysetFile)); left > 0 {
		t.Errorf("%d values are sealed with a key that is gone", left)
	}
	if _, _, err := w.admin.VerifyChain(ctx, nil); err != nil {
		t.Errorf("the trail's chain: %v", err)
	}
	for i := range n {
		if err := look(ctx, w.as("support1"), ids[i], i); err != nil {
			t.Fatal(err)
		}
	}
}

// look reads a customer, finds them by a word, an address and a number, and reads their history.
func look(ctx context.Context, db *repo.DB, id int64, i int) error {
	c, err := db.Customer(ctx, id)
	if err != nil || c.CompanyName != "Company "+uniqueWord(i) || c.Phone != fmt.Sprintf("+336%08d", i) {
		return fmt.Errorf("customer %d reads as %+v, %v", id, c, err)
	}
	for _, needle := range []string{
		uniqueWord(i), strings.ToUpper(uniqueWord(i)) + "@bouzin.example",
		fmt.Sprintf("06%08d", i), "company " + uniqueWord(i)[:4],
	} {
		found, err := db.Customers(ctx, repo.CustomerFilter{Page: repo.Page{Search: needle, Limit: 50}})
		if err != nil || !slices.ContainsFunc(found.Rows, func(f repo.Customer) bool { return f.ID == id }) {
			return fmt.Errorf("%q does not find customer %d: %d found, %v", needle, id, len(found.Rows), err)
		}
	}
	if found, err := db.FindCustomers(ctx, uniqueWord(i),
		5); err != nil || len(found) == 0 || found[0].Record.ID != id {
		return fmt.Errorf("%q does not find customer %d first: %v, %v", uniqueWord(i), id, found, err)
	}
	entries, err := db.History(ctx, "customer", id)
	if err != nil || entries[0].After["company_name"] != "Company "+uniqueWord(i) {
		return fmt.Errorf("the history of customer %d: %+v, %v", id, entries, err)
	}
	return nil
}

// An interrupted rotation continues where it stopped, with the same key. It changes no record.
func TestRotationInterrupted(t *testing.T) {
	w, r, ids := rotating(t, 450)
	old := keyOf(t, r.KeysetFile)
	const rows = "select md5(string_agg(id || ' ' || updated_at, ',' order by id)) from crm.customer"
	const entries = "select count(*) from crm.audit where entity = 'customer'"
	stamps, trail := read[string](w, rows), read[int64](w, entries)
	ctx, cancel := context.WithCancel(context.Background())
	r.Progress = func(done, _ int64) {
		if done >= 200 {
			cancel()
		}
	}
	if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	ctx = context.Background()
	key := keyOf(t, r.KeysetFile)
	if left := w.foreign(key); key == old || left == 0 {
		t.Fatalf("%d values are left for key %d: it was not interrupted", left, key)
	}
	for i := range ids {
		if err := look(ctx, w.as("sales1"), ids[i], i); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Retire(ctx); !errors.Is(err, repo.ErrConflict) {
		t.Errorf("retiring the keys of an unfinished rotation: %v", err)
	}
	most := int64(0)
	r.Progress = func(_, total int64) { most = max(most, total) }
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if keyOf(t, r.KeysetFile) != key || w.foreign(key) != 0 || most == 0 || most > 700 {
		t.Errorf("key %d, %d values left, %d rows in the second run", keyOf(t, r.KeysetFile), w.foreign(key), most)
	}
	if stamps != read[string](w, rows) || trail != read[int64](w, entries) {
		t.Error("re-encrypting was stamped or recorded as a change")
	}
	if n := read[int64](w, "select count(*) from crm.audit where entity = 'keyset'"); n != 2 {
		t.Errorf("%d entries of the trail tell of the rotation, want its begin and its end", n)
	}
}

// A machine with a copy of the keyset gets the next key before anything is sealed with it.
func TestRotationPrepared(t *testing.T) {
	w, r, ids := rotating(t, 3)
	ctx := context.Background()
	old := keyOf(t, r.KeysetFile)
	for range 2 { // twice is once
		if err := r.Prepare(ctx); err != nil {
			t.Fatal(err)
		}
	}
	content := ok[[]byte](t)(security.ReadKeysetFile(r.KeysetFile))
	next := ok[uint32](t)(security.NextKey(content))
	if next == 0 || keyOf(t, r.KeysetFile) != old {
		t.Fatalf("the next key is %d, in use is %d, was %d", next, keyOf(t, r.KeysetFile), old)
	}
	// Another machine may already seal with it: this one does not re-encrypt with the older key, and does not drop the
	// newer one.
	is(t, r.Retire(ctx), repo.ErrConflict, "retiring with a key that is not in use yet")
	if got := ok[[]byte](t)(security.ReadKeysetFile(r.KeysetFile)); !bytes.Equal(got, content) {
		t.Error("the keyset has changed")
	}
	elsewhere := ok[*repo.DB](t)(repo.Open(repo.Config{
		URL: appURL(w.database), Schema: "crm",
		Vault: ok[repo.Vault](t)(commands.Unseal(content, "")),
	}))
	defer elsewhere.Close()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if keyOf(t, r.KeysetFile) != next {
		t.Error("another key was taken than the one that was prepared")
	}
	for i := range ids {
		if err := look(ctx, elsewhere.As(func() (string, error) { return w.token("sales1"), nil }), ids[i],
			i); err != nil {
			t.Error(err)
		}
	}
}

// A value whose key is missing, or that is damaged, is shown as such; all other values are read. A rotation continues
// and names the key at its end; after an import of the key, the next rotation re-encrypts the value.
func TestRotationWithoutTheKey(t *testing.T) {
	w, r, ids := rotating(t, 3)
	ctx := context.Background()
	w.set("set session_replication_role = replica; update crm.customer set email = decode(repeat('02', 40), 'hex') " +
		"where id = " + fmt.Sprint(ids[1]))
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if c, err := w.as("sales1").Customer(ctx, ids[1]); err != nil || c.Email != "‹unreadable›" ||
		c.CompanyName != "Company "+uniqueWord(1) {
		t.Errorf("%+v, %v", c, err)
	}
	lost, former := keyOf(t, r.KeysetFile), ok[[]byte](t)(security.ReadKeysetFile(r.KeysetFile))
	if err := security.ReplaceKeysetFile(r.KeysetFile, ok[[]byte](t)(security.NewKeyset())); err != nil {
		t.Fatal(err)
	}
	if c, err := w.as("sales1").Customer(ctx, ids[0]); err != nil || c.CompanyName != "Company "+uniqueWord(0) {
		t.Errorf("a program that has the keys reads on: %+v, %v", c, err)
	}
	w.openWith(ok[repo.Vault](t)(commands.Unseal(nil, r.KeysetFile)))
	if c, err := w.as("sales1").Customer(ctx, ids[0]); err != nil ||
		c.CompanyName != fmt.Sprintf("‹sealed with key %d›", lost) {
		t.Errorf("reading without the key: %+v, %v", c, err)
	}
	for name, err := range map[string]error{
		"rotating": r.Run(ctx), "retiring": r.Retire(ctx), "preparing": r.Prepare(ctx),
		"adding": failed(w.as("sales1").AddCustomer(ctx, repo.Change{
			"company_name": text("A"), "full_name": text("B"),
		})),
	} {
		is(t, err, repo.ErrConflict, "%s with a keyset that the database does not know", name)
		if text, hint := commands.Describe(err); !strings.Contains(text, fmt.Sprint(lost)) || hint == "" {
			t.Errorf("%s: %s, %s", name, text, hint)
		}
	}
	w.takeKey(keyOf(t, r.KeysetFile)) // as if it had been in use
	err := r.Run(ctx)
	if text, hint := commands.Describe(err); !errors.Is(err, repo.ErrConflict) || !strings.Contains(text,
		fmt.Sprint(lost)) || hint == "" {
		t.Errorf("rotating without the key: %s %s", text, hint)
	}
	file := filepath.Join(t.TempDir(), "former.json")
	if err := os.WriteFile(file, former, 0o600); err != nil {
		t.Fatal(err)
	}
	keyset := operator.Keyset{File: r.KeysetFile, Admin: w.admin, Say: func(string) {}, Out: io.Discard}
	for range 2 { // twice is once
		if err := keyset.Import(ctx, file); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := w.as("sales1").Customer(ctx, ids[0]); err != nil || c.CompanyName != "Company "+uniqueWord(0) {
		t.Errorf("with the key back: %+v, %v", c, err)
	}
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
	w.set("set session_replication_role = replica; update crm.customer set email = company_name where id = " +
		fmt.Sprint(ids[1]))
	if left := w.foreign(keyOf(t, r.KeysetFile)); left != 0 {
		t.Errorf("%d values are left under other keys", left)
	}
}
