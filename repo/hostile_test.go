package repo_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/repo"
)

// R3: the history of a record has its changes only. Others' sign-ins, failures and refusals need audit.view; users see
// their own.
func TestHistoryIsOfChanges(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	w.as("manage")
	w.enrol("admin")
	_ = w.signInAs("admin@epic.example", []byte("wrong"))
	for _, err := range []error{
		w.as("support1").NoteRefusal(ctx, "customer delete", "customer", c),
		failed(w.as("manage").ExportCustomer(ctx, c)),
		failed(w.as("admin").EraseCustomer(ctx, c)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	actions := func(person, entity string, id int64) string {
		var all []string
		for _, e := range ok[[]repo.Entry](t)(w.as(person).History(ctx, entity, id)) {
			all = append(all, e.Action)
		}
		return strings.Join(all, " ")
	}
	for _, try := range []struct {
		person, entity string
		id             int64
		want           string
	}{
		{"support1", "user", w.ids["admin"], "add"},
		{"manage", "user", w.ids["admin"], "add"},
		{"admin", "user", w.ids["admin"], "add sign-in mfa-on sign-in-failed"},
		{"support1", "customer", c, "add update erase"},
		{"admin", "customer", c, "add refuse export update erase"},
		{"manage", "user", w.ids["manage"], "add sign-in"},
	} {
		if got := actions(try.person, try.entity, try.id); got != try.want {
			t.Errorf("%s sees of %s %d: %q, want %q", try.person, try.entity, try.id, got, try.want)
		}
	}
	is(t, failed(w.as("support1").History(ctx, "user", 0)), repo.ErrNotFound, "failures of unknown addresses")
}

// An entry claims to undo only a change that it really undoes, so no change can be hidden behind an undo.
func TestUndoIsTheOpposite(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	k, other := w.contract(c, 10000, "signed").ID, w.contract(c, 10000, "signed").ID
	ok[repo.Contract](t)(w.as("sales1").PayContract(ctx, other, 2000, nil))
	ok[repo.Contract](t)(w.as("sales1").PayContract(ctx, k, 1000, nil))
	payment := read[int64](w, "select max(id) from audit where entity = 'payment'")
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"phone": text("+33611111111")}))
	phone := read[int64](w, "select max(id) from audit where entity = 'customer'")
	ok[repo.Contract](t)(w.as("sales1").UpdateContract(ctx, k, repo.Change{"total_amount": ptr(repo.Money(20000))}))
	total := read[int64](w, "select max(id) from audit where entity = 'contract'")
	added := read[int64](w, "select max(id) from audit where entity = 'customer' and action = 'add'")
	e := w.event(k, "support1").ID
	ends := read[string](w, "select end_date at time zone 'UTC' || 'Z' from event where id = $1", e)
	ok[repo.Event](t)(w.as("support1").UpdateEvent(ctx, e, repo.Change{
		"end_date": ptr(time.Now().Add(500 * time.Hour)),
	}))
	date := read[int64](w, "select max(id) from audit where entity = 'event'")
	claim := func(person string, entry int64, sql string) error {
		_, err := w.inTx(w.token(person), func(tx pgx.Tx) (int64, error) {
			if _, err := tx.Exec(ctx,
				"select set_config('crm.undoes', $1, true), set_config('timezone', 'Asia/Kolkata', true)",
				fmt.Sprint(entry)); err != nil {
				return 0, err
			}
			tag, err := tx.Exec(ctx, sql)
			return tag.RowsAffected(), err
		})
		return err
	}
	for _, try := range []struct {
		entry int64
		sql   string
	}{
		{payment, fmt.Sprintf("insert into payment (contract_id, amount) values (%d, -10)", other)},
		{payment, fmt.Sprintf("insert into payment (contract_id, amount) values (%d, -5)", k)},
		{phone, fmt.Sprintf("update customer set email = null where id = %d", c)},
		{phone, fmt.Sprintf("update customer set sales_id = %d where id = %d", w.ids["sales2"], c)},
		{added, fmt.Sprintf("update customer set phone = null where id = %d", c)},
		{total, fmt.Sprintf("update contract set total_amount = 300 where id = %d", k)},
	} {
		if err := claim("sales1", try.entry, try.sql); sqlstate(err) != "42501" {
			t.Errorf("%s: %v", try.sql, err)
		}
	}
	dated := "update event set end_date = '%s' where id = %d"
	if err := claim("support1", date, fmt.Sprintf(dated, "2099-01-01", e)); sqlstate(err) != "42501" {
		t.Errorf("another date: %v", err)
	}
	if err := claim("support1", date, fmt.Sprintf(dated, ends, e)); err != nil {
		t.Errorf("the date from before, written in another time zone: %v", err)
	}
}

// Raising the cost of a password is recorded; the cost is never lowered.
func TestCostIsOnlyRaised(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	higher, lower := fresh(), fresh()
	higher.MemoryKiB, higher.KeyHash = 128,
		read[[]byte](w, "select key_hash from credential where collaborator_id = $1", w.ids["sales1"])
	for _, p := range []repo.Password{higher, lower} {
		ok[repo.Opening](t)(w.db.SignIn(ctx, claim(email, key("sales1"), ""), time.Hour, &p))
	}
	if n := read[int](w, "select memory_kib from credential where collaborator_id = $1", w.ids["sales1"]); n != 128 {
		t.Errorf("the password is kept at %d KiB", n)
	}
	found := w.audits(repo.AuditFilter{Action: "password-cost"})
	if len(found) != 1 || found[0].EntityID != w.ids["sales1"] || found[0].After["memory_kib"] != json.Number("128") {
		t.Errorf("on the trail: %+v", found)
	}
}

// A value that was written past the program and is not sealed is erased like a sealed one.
func TestEraseWhatIsNotSealed(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	const plain = "Zebulon Quux, 12 rue de la Paix, 75002 Paris"
	if _, err := w.try(w.token("sales1"),
		"with u as (update customer set full_name = $2 where id = $1 returning 1) select from u where false", c,
		w.forged(plain)); err != nil {
		t.Fatal(err)
	}
	ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"full_name": text("Lou")}))
	left := fmt.Sprintf("%x", plain)
	if !strings.Contains(w.dump(), left) {
		t.Fatal("nothing is there to be erased")
	}
	ok[int64](t)(w.as("admin").EraseCustomer(ctx, c))
	if strings.Contains(w.dump(), left) {
		t.Error("it is there still")
	}
	w.verify()
}

// Any caller can hold the chain's lock. Then entries wait to be linked, but no change waits: the check reports how many
// entries wait, and since when. Afterwards no single change links them all.
func TestChainHeldUp(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	c := w.customer("sales1").ID
	w.verify()
	h := w.hold(t)
	h.do("begin")
	h.do("set constraints all immediate")
	h.do(fmt.Sprintf("set crm.token = '%s'", w.token("sales1")))
	h.do("select note_refusal('x', 'customer', 1)")
	change := func(i int) {
		ok[repo.Customer](t)(w.as("sales1").UpdateCustomer(ctx, c, repo.Change{"phone": text("+336%08d", i)}))
	}
	change(1)
	w.set("insert into audit (entity, entity_id, action) select 'user', 0, 'sign-in' from generate_series(1, 1500)")
	_, waiting, err := w.admin.VerifyChain(ctx, nil)
	if err != nil || waiting.Entries != 1501 || waiting.Since == nil {
		t.Errorf("waiting: %+v, %v", waiting, err)
	}
	h.do("rollback")
	var left []int
	for i := range 3 {
		change(2 + i)
		left = append(left, read[int](w, "select count(*) from audit_unlinked"))
	}
	if !slices.Equal(left, []int{501, 0, 0}) {
		t.Errorf("after each change %v wait", left)
	}
	w.verify()
}

// A sign-in reads only the attempts that count, regardless of the number of attempts for an address or from a client.
func TestTriesDoNotPileUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.set(`insert into sign_in_count select c, clock_timestamp(), 0 - i from generate_series(1, 20000) i,
		unnest(array[counter('address', sha256($1), ''), counter('client', '', '192.0.2.1')]) c`, []byte(email))
	w.set("analyze sign_in_count")
	tx := ok[pgx.Tx](t)(w.owner.Begin(t.Context()))
	defer func() { _ = tx.Rollback(t.Context()) }()
	var n int
	if _, err := tx.Exec(t.Context(), "select locked_until(sha256($1), '', '192.0.2.1', 0)",
		[]byte(email)); err != nil {
		t.Fatal(err)
	}
	err := tx.QueryRow(t.Context(),
		"select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'sign_in_count'").Scan(&n)
	if err != nil || n != 120 {
		t.Errorf("%d tries were read, %v", n, err)
	}
}

// Settings of the app role, for a session or for the role, do not change the form of the trail: personal values in it
// are found, decrypted and erased.
func TestSettingsDoNotShapeTheTrail(t *testing.T) {
	t.Parallel()
	ctx, w := t.Context(), newWorld(t)
	w.set("alter role crm_app in database " + w.database + " set bytea_output = 'escape'")
	h := w.hold(t)
	c := w.customer("sales1").ID
	h.do(fmt.Sprintf("set crm.token = '%s'; set bytea_output = 'escape'", w.token("sales1")))
	h.do("update customer set phone = null where id = $1", c)
	for _, e := range ok[[]repo.Entry](t)(w.as("sales1").History(ctx, "customer", c)) {
		for _, values := range []map[string]any{e.Before, e.After} {
			if phone := values["phone"]; phone != nil && phone != "+33612345678" {
				t.Errorf("%s: the phone number was %v", e.Action, phone)
			}
		}
	}
	if data := ok[repo.PersonalData](t)(
		w.as("manage").ExportCustomer(ctx, c)); data.Customer["full_name"] != "Lou of sales1" {
		t.Errorf("exported: %v", data.Customer)
	}
	ok[int64](t)(w.as("admin").EraseCustomer(ctx, c))
	if n := read[int](w, `select count(*)
		from audit a, lateral (select * from jsonb_each_text(coalesce(a.before, '{}')) union all select *
			from jsonb_each_text(coalesce(a.after, '{}'))) v
		where a.entity = 'customer' and a.entity_id = $1 and v.key in ('company_name', 'full_name', 'email', 'phone')
		and v.value !~ '^sha256:'`, c); n != 0 {
		t.Errorf("%d values are there still", n)
	}
	w.verify()
}

// A long transaction cannot backdate rows.
func TestNothingIsDatedBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for open, back := range map[time.Duration]time.Duration{
		0: 0, time.Minute: time.Minute, 61 * time.Second: 0, 100 * time.Hour: 0,
	} {
		if got := read[time.Duration](w, "select now() - stamp_at(now() - $1::interval, now())", open); got != back {
			t.Errorf("open for %v: stamps are %v old, want %v", open, got, back)
		}
	}
}

// Only the owner re-encrypts without an entry: for other roles the setting has no effect.
func TestOnlyTheOwnerReseals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.customer("sales1").ID
	h := w.hold(t)
	h.do(fmt.Sprintf("set crm.reseal = 'on'; set crm.token = '%s'", w.token("sales1")))
	h.do("update customer set full_name = "+w.forgedSQL()+" where id = $1", c)
	if n := read[int](w,
		"select count(*) from audit where entity = 'customer' and action = 'update' and before ? 'full_name'"); n != 1 {
		t.Errorf("%d entries tell of it", n)
	}
	_, err := h.Exec(t.Context(),
		"update customer set phone = case when set_config('crm.token', '', false) = '' then null::bytea end "+
			"where id = $1", c)
	if state := sqlstate(err); state != "28000" && state != "42501" {
		t.Errorf("without a token in the middle: %v", err)
	}
}
