package repo

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// This file tests what a pooler keeps of one client's session for the next one. The program's own statements do not
// depend on it. It matters for other programs, and for strangers who use the same pooler.

// triedConnections is the number of connections that leave marks, and of connections that look for marks.
const triedConnections = 4

// mostTries is the number of times that triedConnections connections look for marks that are still to be removed.
const mostTries = 20

// leave sets a setting, prepares a statement and takes a lock, all of the session and with the name $1. look finds and
// removes them. Both are one transaction.
const (
	leaveMarks = `select pg_catalog.set_config('crm.marker', '%[1]s', false); prepare "%[1]s" as select 1;
		select pg_catalog.pg_try_advisory_lock(%[2]d)`
	lookForSetting   = `select coalesce(pg_catalog.current_setting('crm.marker', true), '')`
	lookForStatement = `select name from pg_catalog.pg_prepared_statements`
	lookForLock      = `select (classid::bigint << 32 | objid::bigint)::text from pg_catalog.pg_locks
		where locktype = 'advisory' and objsubid = 1 and pid = pg_catalog.pg_backend_pid()`
)

// WeakPooler returns what the pooler behind a connection string keeps of a session for the next client. It returns
// nothing if the string leads to the server itself.
func WeakPooler(ctx context.Context, url string) (all []string, err error) {
	conn, err := openRaw(ctx, url)
	if err != nil {
		return nil, translate(err)
	}
	own, err := claim(ctx, conn, []setting{{"crm.marker", ""}})
	_ = conn.Close(ctx)
	if err != nil || own {
		return nil, translate(err)
	}
	found := map[string]bool{}
	marks, leavers, err := leaveAll(ctx, url)
	for _, stay := range []bool{true, false} { // a session pooler reuses a connection after its client has left
		if !stay {
			for _, c := range leavers {
				_ = c.Close(ctx)
			}
		}
		if err == nil {
			err = lookAll(ctx, url, marks, found, stay)
		}
	}
	// Some connections of a pooler that keeps marks may have been busy.
	left := func() bool { return slices.ContainsFunc(marks, func(m string) bool { return !found[m] }) }
	for tries := 0; err == nil && len(found) > 0 && left() && tries < mostTries; tries++ {
		err = lookAll(ctx, url, marks, found, false)
	}
	var kinds []string
	for _, kind := range []string{"settings", "prepared statements", "locks"} {
		if found[kind] {
			kinds = append(kinds, kind)
		}
	}
	if err != nil || kinds == nil {
		return nil, translate(err)
	}
	return []string{"the pooler that database.url leads to leaves one client's " + strings.Join(kinds, ", ") +
		" to the next: set server_reset_query = DISCARD ALL and server_reset_query_always = 1"}, nil
}

// leaveAll opens connections and leaves marks on them. The connections stay open.
func leaveAll(ctx context.Context, url string) (marks []string, open []*pgx.Conn, err error) {
	for range triedConnections {
		conn, err := openRaw(ctx, url)
		if err != nil {
			return marks, open, err
		}
		open = append(open, conn)
		name := "crm_" + strings.ToLower(rand.Text())
		key := binary.BigEndian.Uint64([]byte(name[len(name)-8:])) >> 1
		if _, err := conn.Exec(ctx, fmt.Sprintf(leaveMarks, name, key)); err != nil {
			return marks, open, err
		}
		marks = append(marks, name, fmt.Sprint(key))
	}
	return marks, open, nil
}

// patience is the time to wait for a pooler's connection before it is taken to have none left.
const patience = 5 * time.Second

// lookAll looks for marks on new connections, removes those it finds, and adds their kinds and names to found. occupied
// means that the connections with marks are still open: a session pooler may then have none left, so nothing is found.
func lookAll(ctx context.Context, url string, marks []string, found map[string]bool, occupied bool) error {
	if occupied {
		limited, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := lookAll(limited, url, marks, found, false)
		if limited.Err() != nil && ctx.Err() == nil {
			return nil
		}
		return err
	}
	for range triedConnections {
		conn, err := openRaw(ctx, url)
		if err != nil {
			return err
		}
		err = look(ctx, conn, marks, found)
		_ = conn.Close(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

func look(ctx context.Context, conn *pgx.Conn, marks []string, found map[string]bool) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	for _, kind := range []struct{ name, sql, remove string }{
		{"settings", lookForSetting, "set crm.marker to default"},
		{"prepared statements", lookForStatement, `deallocate "%s"`},
		{"locks", lookForLock, "select pg_catalog.pg_advisory_unlock(%s)"},
	} {
		rows, err := tx.Query(ctx, kind.sql)
		if err != nil {
			return err
		}
		there, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, name := range there {
			if !slices.Contains(marks, name) {
				continue
			}
			found[kind.name], found[name] = true, true
			remove := kind.remove
			if strings.Contains(remove, "%s") {
				remove = fmt.Sprintf(remove, name)
			}
			if _, err := tx.Exec(ctx, remove); err != nil {
				return err
			}
		}
	}
	return tx.Commit(ctx)
}

// KeepsSessions reports whether a pooler passed a setting from one of the program's connections to another one. It asks
// nothing if the server is reached directly, and only once otherwise. Behind a pooler it costs one more connection and
// two round trips.
func (db *DB) KeepsSessions(ctx context.Context) (keeps bool, err error) {
	if !db.Shared() || db.link.tried.Swap(true) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	mark := rand.Text()
	const set, get = "select pg_catalog.set_config('crm.marker', $1, false)",
		"select coalesce(pg_catalog.current_setting('crm.marker', true), '') operator(pg_catalog.=) $1::pg_catalog.text"
	first, err := db.connect(ctx)
	if err != nil {
		return false, translate(err)
	}
	defer first.Release()
	if _, err := first.Exec(ctx, set, mark); err != nil {
		return false, translate(err)
	}
	second, err := db.connect(ctx)
	if err != nil {
		return false, translate(err)
	}
	defer second.Release()
	err = second.QueryRow(ctx, get, mark).Scan(&keeps)
	if keeps {
		_, err = second.Exec(ctx, set, "")
	}
	return keeps, translate(err)
}
