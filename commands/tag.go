package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"crm/repo"
)

// tagName is the kind of a tag. Its value is a string in lower case.
var tagName = Kind{
	Name: "TAG",
	Parse: func(_ *Session, text string) (any, error) {
		text, err := cleanText(text, 50)
		if err == nil && (text == "" || strings.ContainsAny(text, " ,\u00a0\u202f")) {
			err = errors.New("want one word without commas, like vip")
		}
		return strings.ToLower(text), err
	},
	Live: func(ctx context.Context, s *Session) ([]Choice, error) {
		found, err := s.DB.Tags(ctx, "", 0)
		return live(found, err, func(t repo.TagCount) Choice { return Choice{t.Name, Plural(t.Count, "record")} })
	},
}

// tagFlag is the flag --tag of lists.
var tagFlag = Flag{Name: "tag", Kind: tagName, Help: "only those with this tag"}

var tagFields = []Field[repo.TagCount]{
	{Column{Name: "tag"}, func(t repo.TagCount) any { return t.Name }},
	{Column{Name: "records"}, func(t repo.TagCount) any { return t.Count }},
}

var taggedFields = []Field[repo.Tag]{
	{Column{Name: "noun"}, func(t repo.Tag) any { return t.Noun }},
	{Column{Name: "record_id"}, func(t repo.Tag) any { return t.RecordID }},
	{Column{Name: "tag"}, func(t repo.Tag) any { return t.Name }},
}

// A tagging is a function that adds a tag to a record or removes it.
type tagging func(db *repo.DB, ctx context.Context, noun string, id int64, name string) (repo.Tag, error)

// changeTag returns a Run that calls a tagging. what is the verb of the message, happening the name of the event.
func changeTag(what, happening string, run tagging) func(context.Context, *Session, Input) (Output, error) {
	return func(ctx context.Context, s *Session, in Input) (Output, error) {
		noun, id, name := Value[string](in, "noun"), Value[int64](in, "record-id"), Value[string](in, "tag")
		tag, err := run(s.DB, ctx, noun, id, name)
		switch {
		case isBare(err, repo.ErrNotFound):
			err = &worded{fmt.Sprintf("%s %d does not have the tag %s", noun, id, name), "", repo.ErrNotFound}
		case errors.Is(err, repo.ErrConflict):
			err = &worded{fmt.Sprintf("%s %d has the tag %s already", noun, id, name), "", repo.ErrConflict}
		}
		out := done(taggedFields, tag, noun, id, what+" "+name)
		out.Events = []Event{happened(noun, id, happening)}
		return out, err
	}
}

func tagCommands() Table {
	tag := append(recordArgs(false), Arg{Name: "tag", Kind: tagName, Help: "a word"})
	return Table{
		short(tagFields, Command{
			Name: "tag list", Short: "List the tags of a record, or all", Needs: action("tag", "view"),
			Args: recordArgs(true), Examples: []string{"tag list", "tag list customer 2"},
			Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
				found, err := s.DB.Tags(ctx, Value[string](in, "noun"), Value[int64](in, "record-id"))
				out := list(tagFields, found)
				if err == nil && len(found) == 0 {
					out.Warnings = in.absent(ctx, s)
				}
				return out, err
			},
		}),
		{
			Name: "tag add", Short: "Add a tag to a customer, contract or event", Needs: action("tag", "add"),
			Args: tag, Examples: []string{"tag add customer 2 vip"},
			Run: changeTag("tagged", "tagged", (*repo.DB).AddTag),
		},
		{
			Name: "tag remove", Short: "Remove a tag from a customer, contract or event",
			Needs: action("tag", "delete"), Args: tag,
			Run: changeTag("is no longer tagged", "untagged", (*repo.DB).RemoveTag),
		},
	}
}
