package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	client *sentry.Client // nil without a DSN
	log    *slog.Logger
}

// NewReporter reports to the project of dsn, if one is given, and writes failures to log. Sending
// happens in the background and is never waited for; what cannot be sent is dropped silently.
func NewReporter(dsn, environment, release string, log io.Writer) (*Reporter, error) {
	r := &Reporter{log: slog.New(slog.NewJSONHandler(log, nil))}
	if dsn == "" {
		return r, nil
	}
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: dsn, Environment: environment, Release: release, ServerName: "crm",
		Integrations:           func([]sentry.Integration) []sentry.Integration { return nil }, // no modules, sources or device
		DisableTelemetryBuffer: true,
	})
	if err != nil {
		return nil, errors.New("sentry.dsn cannot be read: want https://KEY@HOST/PROJECT")
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

// events reports what a command says happened.
func (r *Reporter) events(s *commands.Session, a commands.Answer) {
	if r.client == nil {
		return
	}
	for _, e := range a.Output.Events {
		event := sentry.NewEvent()
		event.Message = e.Name
		event.Level = sentry.Level(e.Level)
		if e.Entity != "" {
			event.Tags["entity"], event.Tags["entity_id"] = e.Entity, strconv.FormatInt(e.ID, 10)
		}
		r.send(s, event)
	}
}

// failure reports an unexpected error and answers the reference to find it by.
func (r *Reporter) failure(s *commands.Session, err error) string {
	ref := reference()
	attributes := []any{"reference", ref, "kind", kinds(err)}
	var c crash
	if errors.As(err, &c) {
		attributes = append(attributes, "stack", c.stack)
	}
	r.log.Log(context.Background(), slog.LevelError, "internal error", attributes...)
	if r.client == nil {
		return ref
	}
	event := sentry.NewEvent()
	event.Level = sentry.LevelError
	event.Tags["reference"] = ref
	event.Exception = []sentry.Exception{{Type: fmt.Sprintf("%T", err), Value: kinds(err), Stacktrace: sentry.NewStacktrace()}}
	r.send(s, event)
	return ref
}

func (r *Reporter) send(s *commands.Session, event *sentry.Event) {
	if s.Me != nil {
		event.User = sentry.User{ID: strconv.FormatInt(s.Me.ID, 10)}
	}
	r.client.CaptureEvent(event, nil, nil)
}

// kinds is what may be told of an error: the types that it is made of and PostgreSQL's code and
// names. Its text may hold what a user typed.
func kinds(err error) string {
	var found []string
	var walk func(error)
	walk = func(err error) {
		var fault repo.Fault
		if f, ok := err.(repo.Fault); ok {
			fault = f
			found = append(found, fault.Error())
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
