package repo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// play runs the script that pg_restore writes, and verifies the archive.
func (a *Admin) play(ctx context.Context, conn *pgx.Conn, program string, r Restorer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, program, "--file=-", "--no-owner")
	cmd.Env = []string{"LC_ALL=C"}
	words := &lastWords{}
	cmd.Stdin, cmd.Stderr, cmd.WaitDelay = r.Archive, words, 5*time.Second
	script, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return say(ErrUnavailable, "pg_restore does not start: %v", err)
	}
	failed := runScript(ctx, conn, bufio.NewReaderSize(script, 1<<16))
	if failed != nil {
		stop()
	}
	ended := cmd.Wait()
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled) && failed == nil:
		return context.Canceled
	case failed != nil:
		return failed
	case ended != nil:
		return say(ErrInvalid, "pg_restore cannot read the dump: %s", words.first(ended))
	}
	if _, err := io.Copy(io.Discard, r.Archive); err != nil { // bytes that pg_restore left unread
		return err
	}
	return r.Whole()
}

// runScript runs a script of pg_restore: statements, and COPY followed by its rows and a line \. at their end. The only
// commands of psql in it are \restrict and \unrestrict, which runScript skips.
func runScript(ctx context.Context, conn *pgx.Conn, script *bufio.Reader) error {
	var statements bytes.Buffer
	run := func() error {
		err := conn.PgConn().Exec(ctx, statements.String()).Close()
		statements.Reset()
		return refused(err)
	}
	for {
		line, err := script.ReadString('\n')
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case strings.HasPrefix(line, `\restrict `), strings.HasPrefix(line, `\unrestrict `):
		// PostgreSQL 17 and later; older servers do not know it
		case strings.HasPrefix(line, "SET transaction_timeout = "):
		case strings.HasPrefix(line, "COPY ") && strings.HasSuffix(line, " FROM stdin;\n"):
			if err := run(); err != nil {
				return err
			}
			rows := &copiedRows{script: script}
			if _, err := conn.PgConn().CopyFrom(ctx, rows, strings.TrimSuffix(line, ";\n")); err != nil {
				return refused(err)
			}
			if !rows.ended {
				return say(ErrInvalid, "the dump ends among the rows of a table")
			}
		default:
			statements.WriteString(line)
		}
		if errors.Is(err, io.EOF) {
			return run()
		}
	}
}

// refused returns the error of a statement of the backup in words.
func refused(err error) error {
	err = translate(err)
	var fault Fault
	switch {
	case errors.As(err, &fault):
		return say(ErrConflict, "the server refuses a statement of the backup (%s)", fault.Error())
	case errors.Is(err, ErrDenied):
		return lacking(err)
	}
	return err
}

// copiedRows reads the rows that follow a COPY, until the line \. or the end of the script.
type copiedRows struct {
	script *bufio.Reader
	left   []byte
	ended  bool
}

func (r *copiedRows) Read(p []byte) (int, error) {
	for len(r.left) == 0 && !r.ended {
		line, err := r.script.ReadBytes('\n')
		switch {
		case string(line) == "\\.\n":
			r.ended = true
		case err != nil:
			return 0, io.EOF
		default:
			r.left = line
		}
	}
	if r.ended {
		return 0, io.EOF
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}
