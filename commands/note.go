package commands

import (
	"context"
	"slices"
	"strings"
	"time"

	"crm/repo"
	"crm/security"
)

var noteFields = fieldsOf[repo.Note]()

// NoteID is the kind of a note's ID.
var NoteID = noteKind("note", "")

// ownNoteID is the kind of the ID of a note that the session may change.
var ownNoteID = noteKind("own note", action("note", "update"))

// openNoteID is the kind of the ID of a follow-up that the session may mark as done.
var openNoteID = func() Kind {
	k := noteKind("follow-up", "")
	k.Live = func(ctx context.Context, s *Session) ([]Choice, error) {
		found, err := s.DB.Notes(ctx, repo.NoteFilter{
			Page: firstBy(recent.Limit, "due"), AuthorID: s.owner(action("note", "update")), Open: true,
		})
		return live(found.Rows, err, noteChoice)
	}
	k.Ordered = true
	return k
}()

func noteKind(key string, needed security.Action) Kind {
	return Kind{
		Name: "NOTE_ID", Key: key, Noun: "note", Parse: ID.Parse, Search: searchNotes,
		Live: func(ctx context.Context, s *Session) ([]Choice, error) {
			found, err := s.DB.Notes(ctx, repo.NoteFilter{Page: recent, AuthorID: s.owner(needed)})
			return live(found.Rows, err, noteChoice)
		},
	}
}

// deletedNoteID is the kind of the ID of a deleted note that the session may restore.
var deletedNoteID = deletedKind(NoteID,
	func(ctx context.Context, s *Session, p repo.Page) (repo.List[repo.Note], error) {
		return s.DB.Notes(ctx, repo.NoteFilter{Page: p, AuthorID: s.owner(action("note", "delete"))})
	}, plainly(noteChoice))

// summary returns the beginning of a text on one line, of so many characters.
func summary(text string, most int) string {
	line, _, more := strings.Cut(text, "\n")
	if runes := []rune(line); len(runes) > most {
		line, more = string(runes[:most]), true
	}
	if more {
		line = strings.TrimRight(line, " ") + "…"
	}
	return line
}

// notedNoun is the kind of the noun of records that can have notes and tags.
var notedNoun = func() Kind {
	k := Enum("NOUN", repo.Noted()...)
	k.Key = "noted noun"
	return k
}()

// notedID is the kind of the ID of a record whose noun is the argument before it.
var notedID = Kind{Name: "ID", Key: "noted ID", Parse: ID.Parse, Of: func(noun string) Kind {
	kinds := []Kind{CustomerID, ContractID, EventID}
	if i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Noun == noun }); i >= 0 {
		return kinds[i]
	}
	return ID
}}

func recordArgs(optional bool) []Arg {
	return []Arg{
		{Name: "noun", Kind: notedNoun, Help: "the kind of record", Optional: optional},
		{Name: "record-id", Kind: notedID, Help: "its number, or words of its name", Optional: optional},
	}
}

func noteCommands() Table {
	due := Flag{Name: "due", Kind: OrNone(Day), Help: "the day on which it waits for you in the inbox; '' for none"}
	changes := []Flag{{Name: "text", Kind: Required(Note), Help: "the text"}, due}
	return Table{
		{
			Name: "note list", Short: "List the notes on a record, or all", Needs: action("note", "view"),
			Args: recordArgs(true),
			Flags: listFlags(noteFields, repo.SortKeys[repo.Note](),
				Flag{Name: "mine", Kind: Switch, Help: "only those that you have written"},
				Flag{Name: "open", Kind: Switch, Help: "only follow-ups that are not done"},
				Flag{Name: "due", Kind: Day, Help: "only open follow-ups that are due on this day or before"},
				searchFlag("the text")),
			Examples: []string{"note list customer 2", "note list --mine --due today"},
			Run:      listNotes,
		},
		getCommand("note", NoteID, noteFields, (*repo.DB).Note),
		{
			Name: "note add", Short: "Add a note to a customer, contract or event", Needs: action("note", "add"),
			Args:     append(recordArgs(false), Arg{Name: "text", Kind: someNote, Help: "the text"}),
			Flags:    []Flag{due},
			Examples: []string{`note add customer 2 "Call back about the caterer" --due +3d`},
			Run:      addNote,
		},
		updateCommand("note", "Change one of your notes", ownNoteID, changes, updateNote, "note update 1 --due +1w"),
		{
			Name: "note edit", Short: "Replace the text of one of your notes", Needs: action("note", "update"),
			Args:     []Arg{idArg(ownNoteID), {Name: "text", Kind: someNote, Help: "its new text"}},
			Examples: []string{`note edit 1 "The caterer has called back"`},
			Run:      updateNote,
		},
		{
			Name: "note done", Short: "Mark one of your follow-ups as done", Needs: action("note", "update"),
			Args: []Arg{idArg(openNoteID)}, Run: marked("note", "done", noteFields, (*repo.DB).DoneNote),
		},
		deleteCommand("note", ownNoteID, noteFields, (*repo.DB).DeleteNote, aboutNote("delete")),
		restoreCommand(deletedNoteID, noteFields, (*repo.DB).RestoreNote),
		historyCommand("note", NoteID),
	}
}

func listNotes(ctx context.Context, s *Session, in Input) (Output, error) {
	f := repo.NoteFilter{
		Noun: Value[string](in, "noun"), RecordID: Value[int64](in, "record-id"),
		Open: in.Has("open"), Due: Given[time.Time](in, "due"),
	}
	if in.Has("mine") {
		f.AuthorID = s.Me.ID
	}
	return pages(ctx, s, in, noteFields, func(ctx context.Context, p repo.Page) (repo.List[repo.Note], error) {
		f.Page = p
		return s.DB.Notes(ctx, f)
	})
}

func addNote(ctx context.Context, s *Session, in Input) (Output, error) {
	noun, id := Value[string](in, "noun"), Value[int64](in, "record-id")
	n, err := s.DB.AddNote(ctx, noun, id, noteChange(in))
	return done(noteFields, n, "note", n.ID, "added"), named(err, noun, id)
}

func updateNote(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	change, same := noteChange(in), new(bool)
	change[repo.Same] = same
	n, err := s.DB.UpdateNote(ctx, id, change)
	return updated(noteFields, n, "note", id, *same), named(err, "note", id)
}

// noteChange returns the columns that the arguments and flags set. A due day is stored as a date, taken in the
// company's time zone.
func noteChange(in Input) repo.Change {
	c := changeOf(noteFields, in)
	if day, ok := c["due"].(time.Time); ok {
		c["due"] = day.Format(time.DateOnly)
	}
	return c
}
