package repo

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// This file lists the weaknesses of a database for crm config check.

// Weak returns the accounts that weaken a company's data: fictional ones that can sign in, and administrators without a
// second factor.
func (a *Admin) Weak(ctx context.Context) (all []string, err error) {
	var fictional, single int
	err = a.asOwner(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select
			(select count(*) from collaborator c join credential k on k.collaborator_id = c.id where c.fictional
				and c.deleted_at is null),
			(select count(*) from collaborator c where c.role = 'admin' and c.deleted_at is null
				and exists (select from credential k where k.collaborator_id = c.id)
				and not exists (select from second_factor f where f.collaborator_id = c.id))`).Scan(&fictional, &single)
	})
	if fictional > 0 {
		all = append(all,
			fmt.Sprintf("fictional accounts that can sign in: %d: crm seed --purge removes them", fictional))
	}
	if single > 0 {
		all = append(all,
			fmt.Sprintf("administrators without a second factor: %d: they say mfa enable, user require-mfa admin on "+
				"demands it", single))
	}
	return all, err
}

// WeakRole returns the rights that the app role should not have, and the settings with which the server writes tokens
// into its log.
func WeakRole(ctx context.Context, url string, n Names) (all []string, err error) {
	conn, err := openRaw(ctx, url)
	if err != nil {
		return nil, translate(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	all, super, err := weakAttributes(ctx, conn, n)
	if err != nil {
		return nil, translate(err)
	}
	if !super {
		open, err := exposures(ctx, conn, n.App)
		if err != nil {
			return nil, translate(err)
		}
		for _, e := range open {
			all = append(all, e.String())
		}
	}
	logs, err := weakLog(ctx, conn)
	return append(all, logs...), translate(err)
}

// weakAttributes returns the attributes and memberships with which the role of conn bypasses permission checks.
func weakAttributes(ctx context.Context, conn *pgx.Conn, n Names) (all []string, super bool, err error) {
	var bypass, creates, owner bool
	err = conn.QueryRow(ctx, `select rolsuper, rolbypassrls, rolcreaterole or rolcreatedb, coalesce(
			(select pg_has_role(current_user, o.oid, 'member') from pg_roles o where o.rolname = $1), false)
		from pg_roles where rolname = current_user`, n.Owner).Scan(&super, &bypass, &creates, &owner)
	for _, w := range []struct {
		is   bool
		what string
	}{
		{super, "is a superuser"},
		{bypass, "bypasses row-level security"},
		{creates, "may create roles or databases"},
		{owner, "is a member of the owner role"},
	} {
		if w.is {
			all = append(all, "the role "+n.App+" that crm connects as "+w.what+
				": the database guards nothing then; crm init makes one that is not")
		}
	}
	return all, super, err
}

// openRaw opens a connection that prepares nothing by name, because it may lead to a pooler.
func openRaw(ctx context.Context, url string) (*pgx.Conn, error) {
	conf, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	conf.DefaultQueryExecMode = pgx.QueryExecModeExec
	conf.RuntimeParams["application_name"] = "crm config check"
	return pgx.ConnectConfig(ctx, conf)
}

// weakLog returns the settings with which the server writes parameters of statements, and so tokens, into its log
// (PostgreSQL manual, 20.8 Error Reporting and Logging, and F.4 auto_explain).
func weakLog(ctx context.Context, conn *pgx.Conn) (all []string, err error) {
	rows, err := conn.Query(ctx, `select name, setting from pg_catalog.pg_settings
		where name ~ '^(log_|auto_explain\.|debug_print_(parse|plan|rewritten))'`)
	if err != nil {
		return nil, err
	}
	is := map[string]string{}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		is[name] = value
		return nil
	})
	return weakLogSettings(is), err
}

// weakLogSettings returns the weak values among settings by name.
func weakLogSettings(is map[string]string) (all []string) {
	weak := func(name, remedy string) {
		all = append(all, fmt.Sprintf("the server's %s is %s, which writes tokens into its log: set %s",
			name, is[name], remedy))
	}
	on := func(name, off string) bool { v, there := is[name]; return there && v != off }
	if on("log_parameter_max_length", "0") {
		const remedy = "log_parameter_max_length = 0"
		if is["log_statement"] == "all" {
			weak("log_statement", remedy)
		}
		if on("log_min_duration_statement", "-1") {
			weak("log_min_duration_statement", remedy)
		}
		if on("log_min_duration_sample", "-1") && on("log_statement_sample_rate", "0") {
			weak("log_min_duration_sample", remedy)
		}
		if on("log_transaction_sample_rate", "0") {
			weak("log_transaction_sample_rate", remedy)
		}
	}
	if on("log_parameter_max_length_on_error", "0") {
		weak("log_parameter_max_length_on_error", "log_parameter_max_length_on_error = 0")
	}
	if on("auto_explain.log_min_duration", "-1") {
		if on("auto_explain.log_parameter_max_length", "0") {
			weak("auto_explain.log_min_duration", "auto_explain.log_parameter_max_length = 0")
		}
		if on("auto_explain.log_verbose", "off") {
			weak("auto_explain.log_verbose", "auto_explain.log_verbose = off")
		}
	}
	for _, name := range []string{"debug_print_parse", "debug_print_rewritten", "debug_print_plan"} {
		if on(name, "off") {
			weak(name, name+" = off")
		}
	}
	return all
}
