package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"

	"crm/commands"
	"crm/repo"
)

// A Reporter sends events and errors to Sentry and writes failures to the log. It sends no personal data and no
// secrets: of events only names, IDs and levels, of errors only their types and PostgreSQL's codes.
type Reporter struct {
	client  *sentry.Client // nil without a DSN
	log     *slog.Logger
	holding bool
	held    []*sentry.Event // events of an atomic script until it is committed
}

// NewReporter returns a Reporter that sends to the project of dsn, if it is not empty, and writes failures to log. It
// sends in the background without blocking the caller. What cannot be sent is dropped.
func NewReporter(dsn, environment, release string, log io.Writer) (*Reporter, error) {
	r := &Reporter{log: slog.New(slog.NewJSONHandler(log, nil))}
	if dsn == "" {
		return r, nil
	}
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: dsn, Environment: environment, Release: release,
		ServerName: "crm", // otherwise Sentry would get the machine's name
		// no modules, no device, no variables of the environment
		Integrations:           func([]sentry.Integration) []sentry.Integration { return nil },
		DisableTelemetryBuffer: true,
		DisableClientReports:   true,
	})
	if err != nil {
		return nil, errors.New("want https://KEY@HOST/PROJECT")
	}
	r.client = client
	return r, nil
}

// Close sends pending events, for at most timeout.
func (r *Reporter) Close(timeout time.Duration) {
	if r.client != nil {
		r.client.Flush(timeout)
		r.client.Close()
	}
}

// events reports the events of a command. who is the user's ID; 0 when signed out. If the command failed, it does not
// report events of records.
func (r *Reporter) events(who int64, list []commands.Event, err error) {
	for _, e := range list {
		if err != nil && e.Entity != "" {
			continue
		}
		event := sentry.NewEvent()
		event.Message = e.Name
		event.Level = sentry.Level(e.Level)
		if e.Entity != "" {
			event.Tags["entity"], event.Tags["entity_id"] = e.Entity, strconv.FormatInt(e.ID, 10)
		}
		r.send(who, event, e.Entity != "")
	}
}

// Happened reports an event from outside of a conversation.
func (r *Reporter) Happened(e commands.Event) { r.events(0, []commands.Event{e}, nil) }

// hold collects events of records until release, which sends them or, after a rollback, discards them.
func (r *Reporter) hold() { r.holding = true }

func (r *Reporter) release(happened bool) {
	held := r.held
	r.holding, r.held = false, nil
	for _, event := range held {
		if happened {
			r.client.CaptureEvent(event, nil, nil)
		}
	}
}

// Failure reports an unexpected error and returns a reference to find it. who is the user's ID; 0 when signed out.
func (r *Reporter) Failure(who int64, err error) string {
	ref := reference()
	attributes := []any{"reference", ref, "kind", kinds(err), "user", who}
	exception := sentry.Exception{Type: fmt.Sprintf("%T", err), Value: kinds(err)}
	var c crash
	if errors.As(err, &c) {
		attributes = append(attributes, "stack", c.stack)
		exception.Type, exception.Stacktrace = "panic", c.trace
	}
	r.log.Log(context.Background(), slog.LevelError, "internal error", attributes...)
	event := sentry.NewEvent()
	event.Level = sentry.LevelError
	event.Tags["reference"] = ref
	event.Exception = []sentry.Exception{exception}
	r.send(who, event, false)
	return ref
}

func (r *Reporter) send(who int64, event *sentry.Event, revocable bool) {
	if r.client == nil {
		return
	}
	event.Timestamp = time.Now()
	if who != 0 {
		event.User = sentry.User{ID: strconv.FormatInt(who, 10)}
	}
	if revocable && r.holding {
		r.held = append(r.held, event)
		return
	}
	r.client.CaptureEvent(event, nil, nil)
}

// A crash is the error of a panicking command: its type and stack. The panic's value may contain anything, so only
// that of runtime errors is reported.
type crash struct {
	kind, stack string
	trace       *sentry.Stacktrace
}

func (c crash) Error() string { return "panic: " + c.kind }

// newCrash must be called by the deferred function that recovered v.
func newCrash(v any) crash {
	c := crash{kind: fmt.Sprintf("%T", v), stack: string(debug.Stack()), trace: sentry.NewStacktrace()}
	if fault, ok := v.(runtime.Error); ok {
		c.kind = fault.Error()
	}
	if c.trace != nil {
		c.trace.Frames = slices.Clone(c.trace.Frames)
		for i := range c.trace.Frames {
			f := &c.trace.Frames[i]
			// omits the path of the build machine
			f.AbsPath, f.Filename = "", path.Base(cmp.Or(f.AbsPath, f.Filename))
		}
	}
	return c
}

// kinds returns what may be reported of an error: the types of its chain, and PostgreSQL's code and names. It omits
// the text, which may contain input of a user.
func kinds(err error) string {
	var found []string
	var walk func(error)
	walk = func(err error) {
		switch err := err.(type) {
		case repo.Fault:
			found = append(found, err.Error())
			return
		case crash:
			found = append(found, err.Error())
			return
		}
		found = append(found, fmt.Sprintf("%T", err))
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			if next := u.Unwrap(); next != nil {
				walk(next)
			}
		case interface{ Unwrap() []error }:
			for _, next := range u.Unwrap() {
				walk(next)
			}
		}
	}
	walk(err)
	return strings.Join(found, " → ")
}
