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

// A Reporter tells Sentry, and the log, what the company wants to know. Nothing personal and nothing
// secret passes it: events are names, ids and levels; errors are their kinds and PostgreSQL's codes.
type Reporter struct {
	client  *sentry.Client // nil without a DSN
	log     *slog.Logger
	holding bool
	held    []*sentry.Event // what an atomic script did, until it is done as a whole
}

// NewReporter reports to the project of dsn, if one is given, and writes failures to log. Sending
// happens in the background and is never waited for; what cannot be sent is dropped silently.
func NewReporter(dsn, environment, release string, log io.Writer) (*Reporter, error) {
	r := &Reporter{log: slog.New(slog.NewJSONHandler(log, nil))}
	if dsn == "" {
		return r, nil
	}
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: dsn, Environment: environment, Release: release,
		ServerName: "crm", // else the machine's
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

// Close sends what is waiting, for at most the given time.
func (r *Reporter) Close(timeout time.Duration) {
	if r.client != nil {
		r.client.Flush(timeout)
		r.client.Close()
	}
}

// events reports what a command of the user who says happened; who is 0 when nobody is signed in. Nothing
// happened to a record if the command failed.
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

// Happened reports what happened outside of a conversation.
func (r *Reporter) Happened(e commands.Event) { r.events(0, []commands.Event{e}, nil) }

// hold keeps what happens to records until release, which sends it or, when it was all undone, forgets it.
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

// Failure reports an unexpected error and answers the reference to find it by; who is 0 when nobody is signed in.
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

// A crash is a panic of a command: its kind and where it was. The value may hold anything, so it is
// told only of the runtime's own panics.
type crash struct {
	kind, stack string
	trace       *sentry.Stacktrace
}

func (c crash) Error() string { return "panic: " + c.kind }

// newCrash is called while v is recovered.
func newCrash(v any) crash {
	c := crash{kind: fmt.Sprintf("%T", v), stack: string(debug.Stack()), trace: sentry.NewStacktrace()}
	if fault, ok := v.(runtime.Error); ok {
		c.kind = fault.Error()
	}
	if c.trace != nil {
		c.trace.Frames = slices.Clone(c.trace.Frames)
		for i := range c.trace.Frames {
			f := &c.trace.Frames[i]
			// where it was built is nobody's business
			f.AbsPath, f.Filename = "", path.Base(cmp.Or(f.AbsPath, f.Filename))
		}
	}
	return c
}

// kinds is what may be told of an error: the types that it is made of and PostgreSQL's code and
// names. Its text may hold what a user typed.
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
