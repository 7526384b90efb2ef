package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"crm/repo"
	"crm/security"
)

var eventFields = fieldsOf[repo.Event]()

// EventID is the kind of an event's ID.
var EventID = eventKind("event", "", func(repo.Event) bool { return true })

// openEventID is the kind of the ID of an event that is not canceled and can be changed.
var openEventID = eventKind("open event", action("event", "update"),
	func(e repo.Event) bool { return e.CanceledAt == nil })

// eventKind returns the kind of an event's ID. Completion offers the events that fit and on which the session may do
// the action. A name finds events that fit.
func eventKind(key string, needed security.Action, fit func(repo.Event) bool) Kind {
	return Kind{
		Name: "EVENT_ID", Key: key, Noun: "event", Finds: key, Parse: ID.Parse,
		Search: func(ctx context.Context, s *Session, text string) ([]Choice, error) {
			return searchEvents(ctx, s, text, fit)
		},
		Live: func(ctx context.Context, s *Session) ([]Choice, error) {
			found, err := s.DB.Events(ctx, repo.EventFilter{Page: recent, SupportID: s.owner(needed)})
			fitting := slices.DeleteFunc(found.Rows, func(e repo.Event) bool { return !fit(e) })
			return live(fitting, err, func(e repo.Event) Choice { return eventChoice(s, e) })
		},
	}
}

// deletedEventID is the kind of the ID of a deleted or canceled event that the session may restore.
var deletedEventID = deletedKind(EventID,
	func(ctx context.Context, s *Session, p repo.Page) (repo.List[repo.Event], error) {
		f := repo.EventFilter{Page: p, SupportID: s.owner(action("event", "delete"))}
		found, err := s.DB.Events(ctx, f)
		if err != nil {
			return found, err
		}
		f.Deleted, f.Status = false, "canceled"
		canceled, err := s.DB.Events(ctx, f)
		found.Rows = append(found.Rows, canceled.Rows...)
		return found, err
	}, eventChoice)

// eventDetails returns the flags of an event's columns, without its support contact.
func eventDetails() []Flag {
	return []Flag{
		{Name: "name", Kind: Required(Text(nameLimit)), Help: "the name of the event"},
		{Name: "location", Kind: Text(textLimit), Help: "the place; '' for none"},
		{Name: "start-date", Kind: Moment, Help: "the start; a time alone is today's"},
		{
			Name: "end-date", Kind: MomentEnd,
			Help: "the end; a date alone is the whole day, a time alone is on the day of the start",
		},
		{Name: "contract-id", Kind: signedContractID, Help: "the signed contract that it belongs to"},
		{
			Name: "contact-id", Kind: OrNone(eventContactID),
			Help: "the customer's contact for this event; '' for the customer's own person",
		},
		{Name: "attendees", Kind: OrNone(Count), Help: "the number of guests; '' for unknown"},
		{Name: "comments", Kind: Note, Help: "notes, names of guests, in several lines; '' for none"},
		externalID,
	}
}

func eventCommands() Table {
	support := Flag{Name: "support-id", Kind: OrNone(freeSupportID), Help: "the support contact; '' for none"}
	return Table{
		eventList(),
		wholeCommand("event", EventID, eventFields, (*repo.DB).WholeEvent),
		{
			Name: "event add", Short: "Add an event to a signed contract", Needs: action("event", "add"),
			Flags:    required(eventDetails(), "contract-id", "name", "start-date", "end-date"),
			Examples: []string{`event add --contract-id 1 --name Gala --start-date "+7d 18:00" --end-date 23:00`},
			Run:      addEvent,
		},
		updateCommand("event", "Change an event", openEventID, append(eventDetails(), support), updateEvent,
			`event update 1 --attendees 120 --comments "DJ at eight"`),
		{
			Name: "event note", Short: "Append a note to an event, with the date and your name",
			Needs:    action("event", "update"),
			Args:     []Arg{idArg(openEventID), {Name: "text", Kind: someNote, Help: "the text"}},
			Examples: []string{`event note 1 "The caterer arrives at five"`},
			Run:      noteEvent,
		},
		{
			Name: "event assign", Short: "Assign a support collaborator", Needs: action("event", "update"),
			Args:  []Arg{idArg(openEventID), {Name: "support-id", Kind: freeSupportID, Help: "the support contact"}},
			Flags: []Flag{{Name: "force", Kind: Switch, Help: "without a warning if they are booked twice"}},
			Run:   assignEvent,
		},
		{
			Name: "event cancel", Short: "Cancel an event and free its support contact; restore brings it back",
			Needs: action("event", "cancel"), Args: []Arg{idArg(openEventID)}, Destructive: true,
			Question: aboutEvent("cancel"),
			Run:      marked("event", "canceled", eventFields, (*repo.DB).CancelEvent),
		},
		deleteCommand("event", EventID, eventFields, (*repo.DB).DeleteEvent, aboutEvent("delete")),
		{
			Name: "event restore", Short: "Bring a deleted or canceled event back", Needs: action("event", "delete"),
			Args: []Arg{idArg(deletedEventID)}, Run: restoreEvent,
		},
		historyCommand("event", EventID),
	}
}

// eventList returns `event list`.
func eventList() Command {
	return Command{
		Name: "event list", Short: "List events, the first to start first", Needs: action("event", "view"),
		Flags: listFlags(eventFields, repo.SortKeys[repo.Event](),
			Flag{Name: "mine", Aliases: []string{"assigned"}, Kind: Switch, Help: "only those assigned to you"},
			Flag{Name: "no-support", Kind: Switch, Help: "only those that wait for a support contact"},
			Flag{Name: "status", Kind: Enum("STATUS", repo.EventStatuses()...), Help: "only those in this state"},
			Flag{Name: "canceled", Kind: Switch, Help: "only the canceled ones, as with --status canceled"},
			Flag{Name: "contract-id", Kind: ContractID, Help: "only those of this contract"},
			Flag{Name: "customer-id", Kind: CustomerID, Help: "only those of this customer"},
			Flag{Name: "from", Kind: Moment, Help: "only those that end after this time"},
			Flag{
				Name: "to", Kind: MomentEnd,
				Help: "only those that start before this time, or on this day or earlier",
			},
			tagFlag,
			searchFlag("number, name, location, notes, customer or support contact")),
		Examples: []string{"event list --no-support --from today", "event list --assigned"},
		Run:      listEvents,
	}
}

// required marks the named flags as required and moves them to the front, in the order of the names.
func required(flags []Flag, names ...string) []Flag {
	sorted := slices.Clone(flags)
	rank := func(f Flag) int {
		if i := slices.Index(names, f.Name); i >= 0 {
			return i
		}
		return len(names)
	}
	slices.SortStableFunc(sorted, func(a, b Flag) int { return rank(a) - rank(b) })
	for i := range names {
		sorted[i].Required = true
	}
	return sorted
}

func listEvents(ctx context.Context, s *Session, in Input) (Output, error) {
	from, to, err := in.period(s, "from", "to")
	if err != nil {
		return Output{}, err
	}
	f := repo.EventFilter{
		NoSupport: in.Has("no-support"), ContractID: Value[int64](in, "contract-id"),
		CustomerID: Value[int64](in, "customer-id"), From: from, To: to, Status: Value[string](in, "status"),
		Tag: Value[string](in, "tag"),
	}
	if in.Has("mine") {
		f.SupportID = s.Me.ID
	}
	if in.Has("canceled") {
		if f.Status == "confirmed" {
			return Output{}, usagef("--canceled and --status confirmed exclude each other")
		}
		f.Status = "canceled"
	}
	canceled := false
	out, err := pages(ctx, s, in, eventFields, func(ctx context.Context, p repo.Page) (repo.List[repo.Event], error) {
		f.Page = p
		f.Sort = cmp.Or(p.Sort, "start_date")
		found, err := s.DB.Events(ctx, f)
		canceled = slices.ContainsFunc(found.Rows, func(e repo.Event) bool { return e.CanceledAt != nil })
		return found, err
	})
	if canceled {
		out = marksCanceled(out)
	}
	return out, err
}

// marksCanceled keeps the status column on narrow terminals if an event of the list is canceled.
func marksCanceled(out Output) Output {
	i := slices.IndexFunc(out.Columns, func(c Column) bool { return c.Name == "status" })
	if i >= 0 {
		out.Columns[i].Wide = 0
	}
	return out
}

func addEvent(ctx context.Context, s *Session, in Input) (Output, error) {
	change, err := eventChange(s, in, Given[time.Time](in, "start-date"))
	if err != nil {
		return Output{}, err
	}
	e, err := s.DB.AddEvent(ctx, change)
	if isBare(err, repo.ErrDenied) {
		err = &worded{fmt.Sprintf("not permitted: contract %d is not of a customer of yours",
			Value[int64](in, "contract-id")), "", repo.ErrDenied}
	}
	return done(eventFields, e, "event", e.ID, "added"), err
}

// updateEvent changes an event. It warns if its support contact has another event at an overlapping time.
func updateEvent(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	start, err := startOfEvent(ctx, s, in)
	if err != nil {
		return Output{}, named(err, "event", id)
	}
	change, err := eventChange(s, in, start)
	if err != nil {
		return Output{}, err
	}
	same := new(bool)
	change[repo.Same] = same
	e, err := s.DB.UpdateEvent(ctx, id, change)
	if err != nil {
		return Output{}, named(err, "event", id)
	}
	out := updated(eventFields, e, "event", id, *same)
	if in.Has("support-id") || in.Has("start-date") || in.Has("end-date") {
		out.Warnings, err = bookedTwice(ctx, s, e)
	}
	return out, err
}

// assignEvent sets the support contact and warns if they have another event at an overlapping time (D9).
func assignEvent(ctx context.Context, s *Session, in Input) (Output, error) {
	id, support := Value[int64](in, "id"), Value[int64](in, "support-id")
	same := new(bool)
	e, err := s.DB.UpdateEvent(ctx, id, repo.Change{"support_id": support, repo.Same: same})
	if err != nil {
		return Output{}, named(err, "event", id)
	}
	out := done(eventFields, e, "event", id, "assigned")
	out.Message = fmt.Sprintf("event %d assigned to %v", id, deref(e.SupportContact))
	if *same {
		out.Message, out.Events = fmt.Sprintf("event %d is assigned to %v already", id, deref(e.SupportContact)), nil
	}
	if in.Has("force") {
		return out, nil
	}
	out.Warnings, err = bookedTwice(ctx, s, e)
	return out, err
}

// restoreEvent restores an event. It warns if its support contact has another event at an overlapping time, or if it
// is still canceled.
func restoreEvent(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	e, err := s.DB.RestoreEvent(ctx, id)
	if err != nil {
		return Output{}, named(err, "event", id)
	}
	out := done(eventFields, e, "event", id, "restored")
	if e.CanceledAt != nil {
		out.Warnings = []string{fmt.Sprintf("event %d is still canceled: restore it again to bring it back", id)}
		return out, nil
	}
	out.Warnings, err = bookedTwice(ctx, s, e)
	return out, err
}

// startOfEvent returns the start for a relative --end-date: that of --start-date, else the stored one. It is nil if
// --end-date is not relative.
func startOfEvent(ctx context.Context, s *Session, in Input) (*time.Time, error) {
	start := Given[time.Time](in, "start-date")
	if start != nil || !Value[moment](in, "end-date").isRelative() || !in.Has("end-date") {
		return start, nil
	}
	e, err := s.DB.Event(ctx, Value[int64](in, "id"))
	return e.StartDate, err
}

// eventChange returns the columns that the flags set. A relative end counts from start.
func eventChange(s *Session, in Input, start *time.Time) (repo.Change, error) {
	end, err := in.end(s, "end-date", start)
	if err != nil {
		return nil, err
	}
	change := changeOf(eventFields, in)
	change["end_date"] = end
	return change, nil
}
