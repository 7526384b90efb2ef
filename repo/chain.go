package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// This file verifies the trail's hash chain. It reads tables only and computes the hashes here. Functions of the
// database take no part: an attacker who can change them could make them report an intact chain.

// A ChainHead is the last link of the trail's chain: the number of links, and the hash over all of them.
type ChainHead struct {
	Position int64 // 0: the chain is empty
	Hash     [sha256.Size]byte
}

// Unlinked counts entries that have no link yet. The chain does not protect them.
type Unlinked struct {
	Entries int64
	Since   *time.Time // timestamp of the oldest; nil: none
}

// String returns POSITION:HASH, the form that ParseChainHead reads.
func (h ChainHead) String() string { return fmt.Sprintf("%d:%x", h.Position, h.Hash) }

// ParseChainHead parses the result of String.
func ParseChainHead(text string) (h ChainHead, err error) {
	position, digits, _ := strings.Cut(text, ":")
	hash, err := hex.DecodeString(digits)
	if h.Position, _ = strconv.ParseInt(position, 10, 64); err != nil || h.Position < 1 || len(hash) != sha256.Size {
		return ChainHead{}, say(ErrInvalid,
			"want POSITION:HASH as crm verify-audit prints it, a number and 64 hex digits")
	}
	copy(h.Hash[:], hash)
	return h, nil
}

// The statements name tables with their schema, and use only functions of PostgreSQL itself. Views in place of the
// tables and row policies that hide rows are errors.
const (
	chainSettings = `set local search_path = pg_catalog, pg_temp; set local timezone = 'UTC';
		set local row_security = off; set local standard_conforming_strings = on`
	chainTables = `select count(*) = 3 from pg_class where relkind = 'r'
		and oid in (select to_regclass(n) from unnest(array[$1::text, $2, $3]) n)`

	// Returns SQL for the batch of an entry: before version 6 the trail has no such column.
	chainBatches = `select case when exists (select from pg_attribute
			where attrelid = to_regclass($1) and attname = 'batch' and not attisdropped)
		then 'a.batch' else 'null::bigint' end`

	// Computes the text that schema.sql hashes when it links an entry, and whether personal values of the entry were
	// erased although no entry of the action erase exists. $1 is sealedColumns of the catalogue.
	chainRows = `
		select l.position, l.audit_id, l.hash,
			case when a.id is null then ''
				else (jsonb_build_array(a.id, a.at, a.collaborator_id, a.session_id, a.client, a.entity, a.entity_id,
				a.action, case when $1::jsonb ? a.entity and a.before is not null then coalesce(d.before, d.none)
					else a.before end,
				case when $1::jsonb ? a.entity and a.after is not null then coalesce(d.after, d.none) else a.after end,
				a.undoes, a.derived) || case when %[4]s is null then '[]'
					else to_jsonb(%[4]s) end)::text end as kept,
			coalesce(d.erased, false)
				and not exists (select from %[1]s e where e.entity = a.entity and e.entity_id = a.entity_id
					and e.action = 'erase') as erased
		from %[2]s l left join %[1]s a on a.id = l.audit_id left join lateral (
			select jsonb_object_agg(key, digest) filter (where side = 1) as before,
				jsonb_object_agg(key, digest) filter (where side = 2) as after, bool_or(erased) as erased,
				case when a.entity <> 'customer' then '{}'::jsonb end as none
			from (
				select side, key, case
						when jsonb_typeof(value) <> 'string' or not $1::jsonb -> a.entity ? key then value
						when value #>> '{}' ~ '^(\\x01([0-9a-f]{2})+ )?sha256:[0-9a-f]{64}$'
							then to_jsonb(right(value #>> '{}', 71))
						when value #>> '{}' ~ '^\\x([0-9a-f]{2}){33,}$'
							then to_jsonb('sha256:' || encode(sha256(decode(substr(value #>> '{}', 3), 'hex')), 'hex'))
						else value end as digest,
					value #>> '{}' like 'sha256:%%' and $1::jsonb -> a.entity ? key as erased
				from (values (1, a.before), (2, a.after)) sides (side, kept),
				jsonb_each(case jsonb_typeof(kept) when 'object' then kept end)) digests
		) d on $1::jsonb ? a.entity
		order by l.position`

	// Finds entries outside of the chain: the first that is neither linked nor queued, the number of queued ones, and
	// the timestamp of the oldest.
	chainStrays = `
		select (select min(id) from (
				select a.id from %[1]s a where not exists (select from %[2]s l where l.audit_id = a.id)
					and not exists (select from %[3]s u where u.audit_id = a.id)
				union all select u.audit_id from %[3]s u where not exists (select from %[1]s a where a.id = u.audit_id)
				union all select audit_id from (select audit_id from %[2]s union all select audit_id from %[3]s) linked
				group by audit_id having count(*) > 1) strays (id)),
			(select count(*) from %[3]s), (select min(a.at) from %[1]s a join %[3]s u on u.audit_id = a.id)`
)

// A chainLink is one row of chainRows.
type chainLink struct {
	position, entry int64
	hash            []byte
	kept            string
	erased          bool
}

// VerifyChain reads the whole trail and recomputes its chain. It returns ErrConflict with the number and position of
// the first bad entry. waiting counts the entries that later commits will link. With expected, an earlier head, it also
// verifies that the chain up to that head was neither cut off nor rewritten.
func (a *Admin) VerifyChain(ctx context.Context, expected *ChainHead) (head ChainHead, waiting Unlinked, err error) {
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return head, waiting, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return head, waiting, translate(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	return a.verifyChain(ctx, tx, expected)
}

// verifyChain does the work of [Admin.VerifyChain] in a transaction.
func (a *Admin) verifyChain(
	ctx context.Context, tx pgx.Tx, expected *ChainHead,
) (head ChainHead, waiting Unlinked, err error) {
	if _, err := tx.Exec(ctx, "set local role "+quote(a.names.Owner)+"; "+chainSettings); err != nil {
		return head, waiting, translate(err)
	}
	names := []any{a.table("audit"), a.table("audit_link"), a.table("audit_unlinked")}
	var real bool
	if err := tx.QueryRow(ctx, chainTables, names...).Scan(&real); err != nil {
		return head, waiting, translate(err)
	}
	if !real {
		return head, waiting, say(ErrConflict,
			"the trail is not what crm init made: audit, audit_link and audit_unlinked must be tables of the schema %s",
			a.names.Schema)
	}
	tables, err := sealedTables(ctx, tx, a.names.Schema)
	if err != nil {
		return head, waiting, translate(err)
	}
	var batch string
	if err := tx.QueryRow(ctx, chainBatches, names[0]).Scan(&batch); err != nil {
		return head, waiting, translate(err)
	}
	query := fmt.Sprintf(chainRows, append(names, batch)...)
	if head, err = followChain(ctx, tx, query, sealedColumns(tables), expected); err != nil {
		return head, waiting, err
	}
	var stray *int64
	if err := tx.QueryRow(ctx, fmt.Sprintf(chainStrays, names...)).
		Scan(&stray, &waiting.Entries, &waiting.Since); err != nil {
		return head, waiting, translate(err)
	}
	if stray != nil {
		return head, waiting, say(ErrConflict,
			"entry %d is not in the chain as it should be, once: it was put in past crm, or its link or itself was "+
				"taken out", *stray)
	}
	return head, waiting, nil
}

func (a *Admin) table(name string) string { return quote(a.names.Schema) + "." + quote(name) }

// followChain recomputes the links in order, with one row in memory at a time.
func followChain(
	ctx context.Context, tx pgx.Tx, query string, sealed map[string][]string, expected *ChainHead,
) (head ChainHead, err error) {
	rows, err := tx.Query(ctx, query, sealed)
	if err != nil {
		return head, translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		var l chainLink
		if err := rows.Scan(&l.position, &l.entry, &l.hash, &l.kept, &l.erased); err != nil {
			return head, translate(err)
		}
		if head, err = l.follow(head); err != nil {
			return head, err
		}
		if expected != nil && expected.Position == head.Position && expected.Hash != head.Hash {
			return head, say(ErrConflict,
				"the chain is not the one of %s: at position %d the hash is %x; entries up to there were rewritten",
				expected, head.Position, head.Hash)
		}
	}
	if err := rows.Err(); err != nil {
		return head, translate(err)
	}
	if expected != nil && expected.Position > head.Position {
		return head, say(ErrConflict, "the chain ends at position %d, but once went on to %d: its end was cut off",
			head.Position, expected.Position)
	}
	return head, nil
}

// follow verifies a link against the head before it and returns the new head.
func (l chainLink) follow(head ChainHead) (ChainHead, error) {
	next := ChainHead{Position: head.Position + 1}
	var before []byte
	if head.Position > 0 {
		before = head.Hash[:]
	}
	next.Hash = sha256.Sum256(append(before, l.kept...))
	switch {
	case l.position != next.Position:
		return head, say(ErrConflict,
			"the chain is broken at position %d: its link was taken out, or put in twice; the next one there is "+
				"that of "+
				"entry %d", next.Position, l.entry)
	case l.kept == "":
		return head, say(ErrConflict, "the chain is broken at position %d: entry %d was taken out", l.position, l.entry)
	case !bytes.Equal(l.hash, next.Hash[:]):
		return head, say(ErrConflict, "the chain is broken at position %d: entry %d is not what was linked there",
			l.position, l.entry)
	case l.erased:
		return head, say(ErrConflict,
			"position %d: personal values of entry %d were erased, and no entry says that customer erase did it",
			l.position, l.entry)
	}
	return next, nil
}
