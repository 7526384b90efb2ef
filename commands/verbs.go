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

// restoreCommand is `NOUN restore ID`; what may delete may restore.
func restoreCommand[T any](noun string, fields []Field[T],
	restore func(*repo.DB, context.Context, int64) (T, error),
) Command {
	return Command{
		Name: noun + " restore", Short: "Bring a deleted " + noun + " back", Needs: action(noun, "delete"),
		Args: []Arg{idArg(ID)},
		Run:  marked(noun, "restored", fields, restore),
	}
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
