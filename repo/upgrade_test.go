package repo_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/commands"
	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/repo/upgrade"
	"crm/security"
)

// A release is what the program of version 3 read from the database of v3.sql, and the secrets to open it. A test of
// that version filled the database through the program: customers with names in several scripts, contracts in every
// state, payments, events, deleted and erased records, a second factor, a used recovery code, failed sign-ins, a key
// rotation.
type release struct {
	Keyset string           `json:"keyset"`
	IDs    map[string]int64 `json:"ids"`
	Factor struct {
		Person string   `json:"person"`
		Secret []byte   `json:"secret"`
		Codes  []string `json:"codes"`
	} `json:"factor"`
	Customers        []fields `json:"customers"`
	DeletedCustomers []fields `json:"deleted_customers"`
	Contracts        []fields `json:"contracts"`
	DeletedContracts []fields `json:"deleted_contracts"`
	Events           []fields `json:"events"`
	DeletedEvents    []fields `json:"deleted_events"`
	Users            []fields `json:"users"`
	DeletedUsers     []fields `json:"deleted_users"`
	Audits           []fields `json:"audits"`
	Head             string   `json:"head"`
}

// fields are a record of that version, by the names of its fields.
type fields map[string]any

func unzipped(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.Open("upgrade/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	return ok[[]byte](t)(io.ReadAll(ok[*gzip.Reader](t)(gzip.NewReader(file))))
}

// released returns a database of version 3, filled.
func released(t testing.TB) (*world, release) {
	t.Helper()
	if err := prepare(); err != nil { // the roles
		t.Fatal(err)
	}
	var r release
	if err := json.Unmarshal(unzipped(t, "v3.json.gz"), &r); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, database: pgtest.Database(t, ""), ids: r.IDs, signers: map[string]*security.Signer{}}
	// psql's own commands
	dump := regexp.MustCompile(`(?m)^\\.*$`).ReplaceAllString(string(unzipped(t, "v3.sql.gz")), "")
	conn := ok[*pgx.Conn](t)(pgx.Connect(t.Context(), pgtest.URL(w.database)))
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), dump); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "analyze"); err != nil { // as a server does by itself
		t.Fatal(err)
	}
	w.admin = repo.NewAdmin(pgtest.URL("postgres"), names(w.database))
	w.openWith(ok[repo.Vault](t)(commands.Unseal([]byte(r.Keyset), "")))
	w.pool, w.owner = rawPool(t, appURL(w.database)), rawPool(t, pgtest.URL(w.database))
	return w, r
}

func steps(t testing.TB) []upgrade.Step {
	t.Helper()
	return ok[[]upgrade.Step](t)(upgrade.Steps())
}

// TestUpgradeKeepsEverything upgrades a filled database of the first release and reads it through the program.
func TestUpgradeKeepsEverything(t *testing.T) {
	w, r := released(t)
	ctx := t.Context()
	u := ok[repo.Upgraded](t)(w.admin.Upgrade(ctx, schemaSQL(), false))
	if u.From != 3 || u.To != repo.SchemaVersion || len(u.Steps) != repo.SchemaVersion-3 {
		t.Errorf("%+v", u)
	}
	if kept := read[int](w, "select count(*) from pg_stats where schemaname = 'crm'"); kept != 0 {
		t.Errorf("the planner's statistics of %d columns are kept", kept)
	}
	expected := ok[repo.ChainHead](t)(repo.ParseChainHead(r.Head))
	if head, _, err := w.admin.VerifyChain(ctx, &expected); err != nil || head.Position <= expected.Position {
		t.Errorf("the chain: %v after %v, %v", head, expected, err)
	}
	admin := w.as("admin")
	for _, list := range []struct {
		deleted                             bool
		customers, contracts, events, users []fields
	}{
		{false, r.Customers, r.Contracts, r.Events, r.Users},
		{true, r.DeletedCustomers, r.DeletedContracts, r.DeletedEvents, r.DeletedUsers},
	} {
		p := repo.Page{Limit: 1000, Deleted: list.deleted}
		sameRecords(t, ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, repo.CustomerFilter{Page: p})).Rows,
			list.customers)
		sameRecords(t, ok[repo.List[repo.Contract]](t)(admin.Contracts(ctx, repo.ContractFilter{Page: p})).Rows,
			list.contracts)
		sameRecords(t, ok[repo.List[repo.Event]](t)(admin.Events(ctx, repo.EventFilter{Page: p})).Rows, list.events)
		sameRecords(t, ok[repo.List[repo.User]](t)(admin.Users(ctx, repo.UserFilter{Page: p})).Rows, list.users)
	}
	for _, c := range r.Customers {
		found := ok[repo.List[repo.Customer]](t)(admin.Customers(ctx, repo.CustomerFilter{Page: repo.Page{
			Limit:  100,
			Search: c["CompanyName"].(string),
		}})).Rows
		if !slices.ContainsFunc(found, func(f repo.Customer) bool { return float64(f.ID) == c["ID"] }) {
			t.Errorf("a search for %s does not find customer %v", c["CompanyName"], c["ID"])
		}
	}
	audits := ok[repo.List[repo.AuditEntry]](t)(admin.Audits(ctx, repo.AuditFilter{Page: repo.Page{Limit: 10000}})).Rows
	if n := len(r.Audits); len(audits) < n {
		t.Errorf("%d entries of the trail, want the %d of before", len(audits), n)
	} else {
		sameRecords(t, audits[:n], r.Audits)
		if e := audits[n]; e.Action != "upgrade" || e.Entity != "schema" || e.UserID != nil {
			t.Errorf("the upgrade's entry: %+v", e)
		}
	}
	w.signInEverybody(r)
}

// signInEverybody signs in with passwords, a code and a recovery code, and checks the rules of sessions.
func (w *world) signInEverybody(r release) {
	w.t.Helper()
	d := device{w, r.Factor.Person, r.Factor.Secret, r.Factor.Codes}
	for _, person := range people {
		if person != d.person {
			o := w.open(person)
			if left := o.Ends.Sub(o.ServerTime); left > time.Hour+time.Minute || left < 50*time.Minute {
				w.t.Errorf("%s's session lasts %v", person, left)
			}
		}
	}
	if _, err := w.db.SignIn(w.t.Context(), claim("manage@epic.example", key("nobody"), ""), time.Hour,
		nil); !errors.Is(err, repo.ErrCredentials) {
		w.t.Errorf("with a wrong password: %v", err)
	}
	if err := d.signIn(""); !errors.Is(err, repo.ErrCode) {
		w.t.Errorf("without a code: %v", err)
	}
	d.unused()
	if err := withinStep(func() error { return d.signIn(totpAt(w.t, d.secret, time.Now())) }); err != nil {
		w.t.Errorf("with a code: %v", err)
	}
	used := 0
	for _, code := range d.codes {
		if err := d.signIn(code); errors.Is(err, repo.ErrCredentials) {
			used++
			w.set("delete from sign_in_count where attempt_id > 0") // it does not lock the next one out
		} else if err != nil {
			w.t.Errorf("with a code for recovery: %v", err)
		}
	}
	if used != 1 {
		w.t.Errorf("%d of %d codes for recovery are used, want 1", used, len(d.codes))
	}
	token := w.token("sales1")
	w.set("insert into session_end select id from session where collaborator_id = (select id from collaborator where " +
		"email = 'sales1@epic.example')")
	db := w.db.As(func() (string, error) { return token, nil })
	if _, _, _, err := db.Whoami(w.t.Context()); !errors.Is(err, repo.ErrSignedOut) {
		w.t.Errorf("an ended session: %v", err)
	}
}

// sameRecords compares records with those of the release, field by field of the release.
func sameRecords[T any](t *testing.T, got []T, want []fields) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d %T, want %d", len(got), *new(T), len(want))
		return
	}
	for i := range got {
		var is fields
		if err := json.Unmarshal(ok[[]byte](t)(json.Marshal(got[i])), &is); err != nil {
			t.Fatal(err)
		}
		for name, value := range want[i] {
			if !reflect.DeepEqual(inUTC(is[name]), inUTC(value)) {
				t.Errorf("%s of %+v, want %v", name, got[i], value)
			}
		}
	}
}

// inUTC converts times to UTC for comparison.
func inUTC(value any) any {
	if text, is := value.(string); is {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at.UTC()
		}
	}
	return value
}

// TestUpgradeMakesTheSameSchema compares an upgraded database with a new one, object by object. It fails when
// schema.sql was changed without a step for existing databases: see docs/contributing.md.
func TestUpgradeMakesTheSameSchema(t *testing.T) {
	w, _ := released(t)
	ok[repo.Upgraded](t)(w.admin.Upgrade(t.Context(), schemaSQL(), false))
	fresh := &world{t: t, database: pgtest.Database(t, template)}
	fresh.owner = rawPool(t, pgtest.URL(fresh.database))
	sameCatalogue(t, w.catalogue(), fresh.catalogue())
}

func sameCatalogue(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, definition := range want {
		if is, there := got[name]; !there {
			t.Errorf("an upgraded database lacks %s", name)
		} else if is != definition {
			t.Errorf("%s of an upgraded database:\n%s\nof a new one:\n%s", name, is, definition)
		}
	}
	for name := range got {
		if _, there := want[name]; !there {
			t.Errorf("an upgraded database still has %s", name)
		}
	}
}

// catalogue returns every object of the schema with all its properties in the catalogue, except oids, the order of
// columns, the difference between a default privilege and the same one granted, and the parentheses that a dump adds or
// drops.
func (w *world) catalogue() map[string]string {
	w.t.Helper()
	rows, err := w.owner.Query(w.t.Context(), catalogueSQL)
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]string{}
	var name, definition string
	if _, err := pgx.ForEachRow(rows, []any{&name, &definition},
		func() error { all[name] = definition; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return all
}

const catalogueSQL = `
with mine as (select oid from pg_namespace where nspname = 'crm'), acls (class, id, sub, acl) as (
	select 'pg_class', c.oid, 0,
		coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))
			from pg_class c
	union all select 'pg_class', a.attrelid, a.attnum, a.attacl from pg_attribute a where a.attacl is not null
	union all select 'pg_proc', p.oid, 0, coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc p
	union all select 'pg_type', t.oid, 0, coalesce(t.typacl, acldefault('T', t.typowner)) from pg_type t
	union all select 'pg_namespace', n.oid, 0, coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace n
	union all select 'pg_default_acl', d.oid, 0, d.defaclacl from pg_default_acl d
), rights (class, id, sub, words) as (
	select class, id, sub, string_agg(format('%s=%s%s', grantee, privilege_type, is_grantable), ' '
		order by grantee::text, privilege_type)
	from (select a.class, a.id, a.sub, case e.grantee when 0 then 'public' else e.grantee::regrole::text end as grantee,
		e.privilege_type, e.is_grantable
		from acls a, aclexplode(a.acl) e) e group by class, id, sub
), objects (class, id, name, definition) as (
	select 'pg_class', c.oid, 'relation ' || c.relname,
		jsonb_build_object('kind', c.relkind, 'owner', c.relowner::regrole::text, 'options', c.reloptions,
		'persistence', c.relpersistence, 'rls', c.relrowsecurity, 'forced', c.relforcerowsecurity, 'replica',
			c.relreplident,
		'view', case c.relkind when 'v' then pg_get_viewdef(c.oid) end, 'index',
			case c.relkind when 'i' then pg_get_indexdef(c.oid) end,
		'index flags', (select to_jsonb(i) - '{indexrelid,indrelid,indkey,indexprs,indpred,indcheckxmin}'::text[]
			from pg_index i where i.indexrelid = c.oid))
	from pg_class c where c.relnamespace = (select oid from mine)
	union all
	select 'pg_class', a.attrelid,
		'column ' || case c.relkind when 'i' then a.attnum::text else a.attname end || ' of ' || c.relname,
		jsonb_build_object('type', format_type(a.atttypid, a.atttypmod), 'not null', a.attnotnull, 'identity',
			a.attidentity, 'generated', a.attgenerated,
		'statistics', nullif(to_jsonb(a)->>'attstattarget', '-1'), 'storage', a.attstorage, 'compression',
			a.attcompression, 'options', ` + attributeOptions + `,
		'collation', a.attcollation::regcollation::text, 'default', pg_get_expr(d.adbin, d.adrelid), 'rights',
			(select r.words from rights r
			where r.class = 'pg_class' and r.id = a.attrelid and r.sub = a.attnum), 'comment',
			col_description(a.attrelid, a.attnum))
	from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = a.attrelid
	and d.adnum = a.attnum
	where c.relnamespace = (select oid from mine) and a.attnum > 0 and not a.attisdropped
	union all
	select 'pg_constraint', o.oid,
		'constraint ' || o.conname || ' of ' || coalesce(nullif(o.conrelid, 0)::regclass::text,
			format_type(o.contypid, null)),
		jsonb_build_object('is', translate(pg_get_constraintdef(o.oid), '()', ''), 'type', o.contype, 'valid',
			o.convalidated, 'deferrable', o.condeferrable, 'deferred', o.condeferred)
	from pg_constraint o where o.connamespace = (select oid from mine)
	union all
	select 'pg_proc', p.oid, 'function ' || p.oid::regprocedure,
		jsonb_build_object('is', pg_get_functiondef(p.oid), 'owner', p.proowner::regrole::text)
	from pg_proc p where p.pronamespace = (select oid from mine)
	union all
	select 'pg_trigger', t.oid, 'trigger ' || t.tgname || ' of ' || c.relname,
		jsonb_build_object('is', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled)
	from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = (select oid from mine)
	and not t.tgisinternal
	union all
	select 'pg_policy', p.oid, 'policy ' || p.polname || ' of ' || c.relname,
		jsonb_build_object('cmd', p.polcmd, 'permissive', p.polpermissive,
		'roles', p.polroles::regrole[]::text, 'using', pg_get_expr(p.polqual, p.polrelid), 'check',
			pg_get_expr(p.polwithcheck, p.polrelid))
	from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace = (select oid from mine)
	union all
	select 'pg_type', t.oid, 'type ' || t.typname,
		jsonb_build_object('kind', t.typtype, 'base', nullif(t.typbasetype, 0)::regtype::text, 'not null', t.typnotnull,
		'owner', t.typowner::regrole::text, 'default', t.typdefault)
	from pg_type t where t.typnamespace = (select oid from mine)
	union all
	select 'pg_class', s.seqrelid, 'sequence ' || c.relname, to_jsonb(s) - '{seqrelid}'::text[]
	from pg_sequence s join pg_class c on c.oid = s.seqrelid where c.relnamespace = (select oid from mine)
	union all
	select 'pg_statistic_ext', s.oid, 'statistics ' || s.stxname,
		jsonb_build_object('is', pg_get_statisticsobjdef(s.oid), 'target', to_jsonb(s)->'stxstattarget')
	from pg_statistic_ext s where s.stxnamespace = (select oid from mine)
	union all
	select 'pg_namespace', n.oid, 'schema', jsonb_build_object('owner', n.nspowner::regrole::text) from pg_namespace n
		where n.oid = (select oid from mine)
	union all
	select 'pg_default_acl', d.oid, 'default rights of ' || d.defaclrole::regrole || ' ' || d.defaclobjtype::text,
		to_jsonb(d.defaclnamespace::regnamespace::text) from pg_default_acl d
)
select o.name, jsonb_pretty(jsonb_build_object('is', o.definition, 'comment', obj_description(o.id, o.class),
	'rights', (select r.words from rights r where r.class = o.class and r.id = o.id and r.sub = 0)))
from objects o
union all -- rows that the schema itself brings
select 'permission ' || role || ' ' || action, scope from crm.permission
union all select 'role ' || name, title || sells || supports || reserved || mfa_required from crm.role
union all select 'setting ' || name, case when name = 'schema_version' then value else '' end from crm.setting
union all select 'secret ' || name, length(value)::text from crm.secret`

// TestSchemaHasAStep compares schema.sql with the digest of each version. A database of the same version as the program
// is never upgraded, so the version rises with every release that changes schema.sql.
func TestSchemaHasAStep(t *testing.T) {
	known := strings.Fields(string(ok[[]byte](t)(os.ReadFile("upgrade/testdata/digests"))))
	digest := upgrade.Digest(ok[[]upgrade.Statement](t)(upgrade.Read(schemaSQL())))
	last, version := steps(t)[len(steps(t))-1], strconv.Itoa(repo.SchemaVersion)
	if last.Version != repo.SchemaVersion || !strings.Contains(schemaSQL(), "('schema_version', '"+version+"')") ||
		!strings.Contains(schemaSQL(), answers(repo.SchemaVersion)) {
		t.Errorf(
			"repo.SchemaVersion is %s, the last step is %s, schema.sql must insert the same as schema_version and "+
				"schema_version() return it", version, last.Name)
	}
	if i := slices.Index(known, version); i < 0 || known[i+1] != digest {
		t.Errorf(`schema.sql has changed: its digest is now
%s %s
If version %[1]s was released, add the step to the next version in repo/upgrade/steps (only what changes tables and
data; a comment alone if nothing does), raise repo.SchemaVersion and schema_version in schema.sql, and add the line to
repo/upgrade/testdata/digests.
If it was not, bring its step up to date and replace its line. See docs/contributing.md.`, version, digest)
	}
}

// later returns schema.sql and the steps of an invented next version: one more column, one more function, and without
// the function of one policy.
func later(t *testing.T) (string, []upgrade.Step) {
	t.Helper()
	next := repo.SchemaVersion + 1
	sql := strings.Replace(schemaSQL(), "	phone        sealed,\n",
		"	phone        sealed,\n	vat_number   text check "+
			"(length(vat_number) < 20),\n", 1)
	sql = strings.Replace(sql, "create view users as", "create function greeting(whom text default 'you') returns "+
		"text language sql immutable return 'hello ' || whom;\ncreate view users as", 1)
	sql = strings.Replace(sql, "'schema_version', '"+strconv.Itoa(repo.SchemaVersion)+"'", "'schema_version', '"+
		strconv.Itoa(next)+"'", 1)
	sql = strings.Replace(sql, answers(repo.SchemaVersion), answers(next), 1)
	more := upgrade.Step{Version: next, Name: "later", SQL: "alter table customer add vat_number text check " +
		"(length(vat_number) < 20); update customer set vat_number = 'FR1';"}
	return sql, append(steps(t), more)
}

// answers returns the part of schema.sql with its version in schema_version().
func answers(version int) string {
	return strings.ReplaceAll(" and N then N else refuse_program(N,", "N", strconv.Itoa(version))
}

// TestUpgradeByModestAdmin upgrades with an invented step as an administrator who is no superuser, with names that need
// quotes. A dry run changes nothing, a second run has nothing to do.
func TestUpgradeByModestAdmin(t *testing.T) {
	n := companyOf(t, "up")
	super(t, "postgres", "create role up_admin login createdb createrole")
	t.Cleanup(func() {
		conn := ok[*pgx.Conn](t)(pgx.Connect(context.Background(), pgtest.URL("postgres")))
		defer conn.Close(context.Background())
		_, _ = conn.Exec(context.Background(), "drop role up_admin")
	})
	admin := repo.NewAdmin(account("up_admin", "", "postgres"), n)
	ok[[]string](t)(admin.Setup(t.Context(), schemaSQL(), ""))
	sql, all := later(t)
	for _, test := range []struct {
		dry   bool
		steps int
	}{{true, 1}, {true, 1}, {false, 1}, {false, 0}, {true, 0}} {
		u, err := admin.UpgradeBy(t.Context(), sql, all, test.dry)
		if err != nil || len(u.Steps) != test.steps || u.To != repo.SchemaVersion+1 {
			t.Fatalf("dry %t: %+v, %v", test.dry, u, err)
		}
		if test.steps > 0 && (!slices.Contains(u.Added, "function greeting(whom text)") || !slices.Contains(u.Changed,
			"table customer") || len(u.Dropped) > 0) {
			t.Errorf("%+v", u)
		}
	}
	if _, err := admin.HasSchema(t.Context()); !errors.Is(err, repo.ErrUnavailable) || !strings.Contains(err.Error(),
		"install a newer crm") {
		t.Errorf("a newer schema: %v", err)
	}
}

// TestUpgradeFails checks that a failed upgrade changes nothing: a broken step, a cancelled run, a newer schema, a view
// of another application.
func TestUpgradeFails(t *testing.T) {
	w := newWorld(t)
	sql, all := later(t)
	last := len(all) - 1
	before := w.catalogue()
	broken := slices.Clone(all)
	broken[last].SQL += " select 1 / 0;"
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx   context.Context
		steps []upgrade.Step
		want  error
	}{
		"a broken step": {t.Context(), broken, repo.ErrInternal},
		"cancelled":     {cancelled, all, context.Canceled},
	} {
		if _, err := w.admin.UpgradeBy(test.ctx, sql, test.steps, false); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	sameCatalogue(t, w.catalogue(), before)
	super(t, w.database, "create view public.theirs as select id from crm.users")
	if _, err := w.admin.UpgradeBy(t.Context(), sql, all, false); !errors.Is(err, repo.ErrConflict) ||
		!strings.Contains(err.Error(), "theirs") {
		t.Errorf("a view of somebody else: %v", err)
	}
	super(t, w.database, "drop view public.theirs")
	ok[repo.Upgraded](t)(w.admin.UpgradeBy(t.Context(), sql, all, false))
	after := w.catalogue()
	if after["column vat_number of customer"] == "" {
		t.Error("the column is missing")
	}
	if _, err := w.admin.Upgrade(t.Context(), schemaSQL(), false); !errors.Is(err, repo.ErrUnavailable) ||
		!strings.Contains(err.Error(), "install a newer crm") {
		t.Errorf("a newer schema: %v", err)
	}
}

// TestUpgradeKilled ends the upgrade's connection between its statements, as a crash does.
func TestUpgradeKilled(t *testing.T) {
	w := newWorld(t)
	sql, all := later(t)
	before := w.catalogue()
	fatal := slices.Clone(all)
	fatal[len(fatal)-1].SQL += " reset role; select pg_terminate_backend(pg_backend_pid());"
	if _, err := w.admin.UpgradeBy(t.Context(), sql, fatal, false); !errors.Is(err, repo.ErrUnavailable) {
		t.Errorf("killed: %v", err)
	}
	sameCatalogue(t, w.catalogue(), before)
	ok[repo.Upgraded](t)(w.admin.UpgradeBy(t.Context(), sql, all, false))
}

// TestUpgradeWaits continues when the transaction that blocks it ends.
func TestUpgradeWaits(t *testing.T) {
	w := newWorld(t)
	sql, all := later(t)
	open := ok[pgx.Tx](t)(w.owner.Begin(t.Context()))
	if _, err := open.Exec(t.Context(), "select from customer"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := w.admin.UpgradeBy(context.Background(), sql, all, false)
		done <- err
	}()
	for read[int](w, "select count(*) from pg_stat_activity where application_name = 'crm init' and wait_event_type = "+
		"'Lock' and datname = current_database()") == 0 {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
	}
	if err := open.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestVersionsMeet runs a shell's commands against schemas of other versions.
func TestVersionsMeet(t *testing.T) {
	w := newWorld(t)
	newer := 0
	db := ok[*repo.DB](t)(repo.Open(repo.Config{
		URL: appURL(w.database), Schema: "crm", Vault: w.vault,
		Newer: func() { newer++ },
	}))
	t.Cleanup(db.Close)
	w.db = db
	sales := w.as("sales1")
	add := func(name string) error {
		_, err := sales.AddCustomer(t.Context(), repo.Change{"company_name": text("%s", name), "full_name": text("B")})
		return err
	}
	if err := add("same"); err != nil || newer != 0 {
		t.Fatal(err, newer)
	}
	sql, all := later(t)
	ok[repo.Upgraded](t)(w.admin.UpgradeBy(t.Context(), sql, all, false))
	for range 2 {
		if err := add("newer, serves"); err != nil {
			t.Errorf("a newer schema that serves: %v", err)
		}
	}
	if newer != 1 {
		t.Errorf("told %d times of a newer crm", newer)
	}
	next := strconv.Itoa(repo.SchemaVersion + 1)
	w.set(strings.Replace(functionOf(t, sql, "schema_version"), "between 4 and", "between "+next+" and", 1))
	before := read[int](w, "select count(*) from customer")
	for name, do := range map[string]func() error{
		"an open shell": func() error { return add("unserved") },
		"a sign-in":     func() error { _, err := db.SignInParams(t.Context(), "a@b.example"); return err },
	} {
		if err := do(); !errors.Is(err, repo.ErrUnavailable) || !strings.Contains(err.Error(), "schema version "+
			next+" and this crm of "+strconv.Itoa(repo.SchemaVersion)+": install crm 0.4.0") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := read[int](w, "select count(*) from customer"); after != before {
		t.Errorf("%d customers were added", after-before)
	}
	old, _ := released(t)
	if _, err := old.db.SignInParams(t.Context(), "a@b.example"); !errors.Is(err, repo.ErrUnavailable) ||
		!strings.HasSuffix(err.Error(), "run crm upgrade") {
		t.Errorf("an older schema: %v", err)
	}
	if _, err := old.admin.HasRole(t.Context(), "admin"); !errors.Is(err, repo.ErrUnavailable) ||
		!strings.HasSuffix(err.Error(), "run crm upgrade") {
		t.Errorf("an administrator's work on an older schema: %v", err)
	}
}

// functionOf returns the statement of schema.sql that creates a function, for the usual names.
func functionOf(t *testing.T, sql, name string) string {
	t.Helper()
	for _, s := range ok[[]upgrade.Statement](t)(upgrade.Read(sql)) {
		if strings.HasPrefix(s.SQL, "create or replace function "+name+"(") {
			return strings.ReplaceAll(s.SQL, `:"schema"`, "crm")
		}
	}
	t.Fatalf("no function %s", name)
	return ""
}

// TestStepNames refuses names whose order would be ambiguous.
func TestStepNames(t *testing.T) {
	for name, dir := range map[string]fs.FS{
		"a gap":     fstest.MapFS{"004_a.sql": {}, "006_b.sql": {}},
		"no number": fstest.MapFS{"a.sql": {}},
		"the same":  fstest.MapFS{"004_a.sql": {}, "004_b.sql": {}},
	} {
		if steps, err := upgrade.ReadSteps(dir); err == nil {
			t.Errorf("%s: %v", name, steps)
		}
	}
}
