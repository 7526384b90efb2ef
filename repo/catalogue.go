package repo

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// This file reads the objects of a schema from PostgreSQL's catalogue, to compare them and to drop them.

// differences returns the sorted names of the objects that were added, changed and dropped.
func differences(before, after map[string]string) (added, changed, dropped []string) {
	for name, definition := range after {
		if was, there := before[name]; !there {
			added = append(added, name)
		} else if was != definition {
			changed = append(changed, name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			dropped = append(dropped, name)
		}
	}
	slices.Sort(added)
	slices.Sort(changed)
	slices.Sort(dropped)
	return added, changed, dropped
}

// catalogue returns the definitions of the objects of a schema, by kind and name.
func catalogue(ctx context.Context, tx pgx.Tx, schema string) (map[string]string, error) {
	rows, err := tx.Query(ctx, definitions, schema)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	var name, definition string
	_, err = pgx.ForEachRow(rows, []any{&name, &definition}, func() error {
		all[name] = definition
		return nil
	})
	return all, err
}

// definitions returns the name and definition of each object of a schema.
const definitions = `
	with mine as (select oid from pg_namespace where nspname = $1)
	select 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
		pg_get_functiondef(p.oid)
	from pg_proc p where p.pronamespace = (select oid from mine)
	union all
	select case c.relkind when 'v' then 'view ' when 'r' then 'table ' else 'index ' end || c.relname, case c.relkind
		when 'v' then pg_get_viewdef(c.oid) when 'r' then (
			select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull::text, ','
				order by a.attname)
			from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
		else pg_get_indexdef(c.oid) end
	from pg_class c where c.relnamespace = (select oid from mine) and c.relkind in ('r', 'v', 'i')
	union all
	select 'constraint ' || o.conname || ' of ' || o.conrelid::regclass::text, pg_get_constraintdef(o.oid)
	from pg_constraint o where o.connamespace = (select oid from mine) and o.conrelid <> 0 and o.contype <> 't'
	union all
	select 'trigger ' || t.tgname || ' of ' || c.relname, pg_get_triggerdef(t.oid)
	from pg_trigger t join pg_class c on c.oid = t.tgrelid
	where c.relnamespace = (select oid from mine) and not t.tgisinternal
	union all
	select 'policy ' || p.polname || ' of ' || c.relname,
		concat_ws(';', p.polcmd::text, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
	from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace = (select oid from mine)`

// clear drops the views, triggers, policies and functions of the schema and revokes its grants. It does not drop
// functions that indexes, defaults and constraints call, directly or indirectly: create or replace changes them.
func (a *Admin) clear(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, droppable, a.names.Schema)
	if err != nil {
		return err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	schema, app := quote(a.names.Schema), quote(a.names.App)
	for _, objects := range []string{"tables", "sequences", "routines"} {
		revoke := fmt.Sprintf("revoke all on all %s in schema %s from public, %s", objects, schema, app)
		statements = append(statements, revoke)
	}
	for _, s := range append(statements, fmt.Sprintf("revoke all on schema %s from public, %s", schema, app)) {
		if _, err := tx.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// droppable returns the statements that drop the views, triggers, policies and functions of a schema, each kind in one
// statement, in which PostgreSQL finds the order itself.
const droppable = `
	with recursive mine as (
		select oid from pg_namespace where nspname = $1
	), called (id) as (
		select d.refobjid from pg_depend d where d.refclassid = 'pg_proc'::regclass
			and d.classid not in ('pg_proc'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass,
				'pg_trigger'::regclass)
		union select d.refobjid from pg_depend d join called k on d.classid = 'pg_proc'::regclass and d.objid = k.id
			where d.refclassid = 'pg_proc'::regclass
	)
	select 'drop view ' || string_agg(format('%I.%I', $1, c.relname), ', ')
	from pg_class c where c.relnamespace = (select oid from mine) and c.relkind = 'v' having count(*) > 0
	union all
	select * from (select format('drop trigger %I on %I.%I', t.tgname, $1, c.relname)
		from pg_trigger t join pg_class c on c.oid = t.tgrelid
	where c.relnamespace = (select oid from mine) and not t.tgisinternal
		order by 1) triggers
	union all
	select * from (select format('drop policy %I on %I.%I', p.polname, $1, c.relname)
		from pg_policy p join pg_class c on c.oid = p.polrelid
		where c.relnamespace = (select oid from mine) order by 1) policies
	union all
	select 'drop routine ' ||
		string_agg(format('%I.%I(%s)', $1, p.proname, pg_get_function_identity_arguments(p.oid)), ', ')
	from pg_proc p where p.pronamespace = (select oid from mine) and p.oid not in (select id from called)
	having count(*) > 0`
