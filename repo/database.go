package repo

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// This file finds out whether the database is there and complete, creates and drops it, and lets one program alone work
// on it.

// HasSchema reports whether the database and crm's schema in it exist.
func (a *Admin) HasSchema(ctx context.Context) (there bool, err error) {
	if there, err = a.hasDatabase(ctx); err != nil || !there {
		return false, err
	}
	conn, err := a.connect(ctx, a.names.Database)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	return a.checkVersion(ctx, conn)
}

// hasDatabase reports whether the database exists. One that an interrupted DROP DATABASE has left takes no connections
// and can only be dropped: its connection limit is -2 (PostgreSQL 15.4 release notes).
func (a *Admin) hasDatabase(ctx context.Context) (there bool, err error) {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1 and datconnlimit <> -2)",
		a.names.Database).Scan(&there)
	return there, translate(err)
}

// Alone excludes other administrators while do runs. It also waits for the DROP DATABASE of a killed one, which goes on
// in the server.
func (a *Admin) Alone(ctx context.Context, do func() error) error {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{
		"select pg_advisory_lock(hashtext('crm administration'))",
		"select pg_advisory_lock(hashtext('crm drop')), pg_advisory_unlock(hashtext('crm drop'))",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return translate(err)
		}
	}
	return do()
}

// DropDatabase drops the database, under a lock for which Alone waits.
func (a *Admin) DropDatabase(ctx context.Context) error {
	conn, err := a.connect(ctx, "")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err = conn.Exec(ctx, "select pg_advisory_lock(hashtext('crm drop'))"); err == nil {
		_, err = conn.Exec(ctx, "drop database if exists "+quote(a.names.Database)+" with (force)")
	}
	return translate(err)
}

// Noted reports whether Note has stored the name, alone or followed by a space and more text.
func (a *Admin) Noted(ctx context.Context, name string) (noted bool, err error) {
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select exists (select from setting where name = $1 or starts_with(name, $1 || ' '))",
			name).Scan(&noted)
	})
	return noted, err
}

// Note stores that something was done.
func (a *Admin) Note(ctx context.Context, name string) error {
	return a.asOwner(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into setting values ($1, 'done') on conflict do nothing", name)
		return err
	})
}

func (a *Admin) createDatabase(ctx context.Context, conn *pgx.Conn) (created bool, err error) {
	database := quote(a.names.Database)
	var there, isDropped bool // see hasDatabase
	err = conn.QueryRow(ctx, "select count(*) > 0, coalesce(bool_or(datconnlimit = -2), false) from pg_database "+
		"where datname = $1", a.names.Database).Scan(&there, &isDropped)
	if err != nil || there && !isDropped {
		return false, err
	}
	if isDropped {
		if err := a.DropDatabase(ctx); err != nil {
			return false, err
		}
	}
	sql := "create database " + database + " owner " + quote(a.names.Owner) + " encoding 'UTF8' template template0"
	if _, err := conn.Exec(ctx, sql); err != nil {
		if isCode(err, "42P04", "23505") {
			return false, nil // another client has just created it
		}
		return false, err
	}
	return true, nil
}
