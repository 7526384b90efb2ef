package commands

import (
	"context"
	"slices"
	"strings"

	"crm/repo"
)

// This file has the commands that all nouns share.

// A runner is the function that runs a command.
type runner = func(context.Context, *Session, Input) (Output, error)

// getCommand returns `NOUN get ID`.
func getCommand[T any](noun string, kind Kind, fields []Field[T], get func(*repo.DB, context.Context, int64) (T, error),
	examples ...string,
) Command {
	return Command{
		Name: noun + " get", Short: "Show one " + noun, Needs: action(noun, "view"),
		Args: []Arg{idArg(kind)}, Examples: append([]string{noun + " get 1"}, examples...),
		Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
			id := Value[int64](in, "id")
			record, err := get(s.DB, ctx, id)
			return single(fields, record), named(err, noun, id)
		},
	}
}

// updateCommand returns `NOUN update ID`. It is a usage error to give none of the flags in changes; the flags in more
// change no column.
func updateCommand(noun, short string, kind Kind, changes []Flag, run runner, example string, more ...Flag) Command {
	return Command{
		Name: noun + " update", Short: short, Needs: action(noun, "update"),
		Args: []Arg{idArg(kind)}, Flags: slices.Concat(changes, more), Examples: []string{example},
		Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
			if err := nothingToChange(in, changes); err != nil {
				return Output{}, err
			}
			return run(ctx, s, in)
		},
	}
}

// deleteCommand returns `NOUN delete ID`.
func deleteCommand[T any](noun string, kind Kind, fields []Field[T],
	remove func(*repo.DB, context.Context, int64) (T, error), question question,
) Command {
	return Command{
		Name: noun + " delete", Short: "Delete " + withArticle(noun) + "; restore brings it back",
		Needs: action(noun, "delete"),
		Args:  []Arg{idArg(kind)}, Destructive: true, Question: question,
		Run: marked(noun, "deleted", fields, remove),
	}
}

// withArticle puts the indefinite article before a noun.
func withArticle(noun string) string {
	if strings.ContainsRune("aeio", rune(noun[0])) { // user is spoken with a consonant
		return "an " + noun
	}
	return "a " + noun
}

// restoreCommand returns `NOUN restore ID` for the kind of a deleted record. It needs the permission to delete.
func restoreCommand[T any](kind Kind, fields []Field[T],
	restore func(*repo.DB, context.Context, int64) (T, error),
) Command {
	noun := kind.Noun
	return Command{
		Name: noun + " restore", Short: "Bring a deleted " + noun + " back", Needs: action(noun, "delete"),
		Args: []Arg{idArg(kind)},
		Run:  marked(noun, "restored", fields, restore),
	}
}

// deletedKind returns the kind of the ID of a deleted record. Completion offers deleted records, and names find them.
// list returns a page of those that the session may restore.
func deletedKind[T any](kind Kind, list func(context.Context, *Session, repo.Page) (repo.List[T], error),
	choice func(*Session, T) Choice,
) Kind {
	offer := func(ctx context.Context, s *Session, p repo.Page) ([]Choice, error) {
		p.Deleted = true
		found, err := list(ctx, s, p)
		return live(found.Rows, err, func(record T) Choice { return choice(s, record) })
	}
	kind.Key = "deleted " + kind.Noun
	kind.Finds = kind.Key
	kind.Live = func(ctx context.Context, s *Session) ([]Choice, error) { return offer(ctx, s, recent) }
	kind.Search = func(ctx context.Context, s *Session, text string) ([]Choice, error) {
		return offer(ctx, s, repo.Page{Limit: mostFound, Search: text})
	}
	return kind
}

// plainly returns the choice function of records that every session sees in the same way.
func plainly[T any](choice func(T) Choice) func(*Session, T) Choice {
	return func(_ *Session, record T) Choice { return choice(record) }
}

// marked returns a runner that marks the record with the argument id.
func marked[T any](noun, what string, fields []Field[T],
	mark func(*repo.DB, context.Context, int64) (T, error),
) runner {
	return func(ctx context.Context, s *Session, in Input) (Output, error) {
		id := Value[int64](in, "id")
		record, err := mark(s.DB, ctx, id)
		return done(fields, record, noun, id, what), named(err, noun, id)
	}
}
