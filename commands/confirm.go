package commands

import (
	"cmp"
	"context"
	"maps"
	"strings"
)

// This file asks before destructive commands, after a trial run in a transaction that is rolled back.

// confirm asks whether to run a command, and shows which records its names mean. If the command would be refused, it
// returns that error without asking.
func (s *Session) confirm(ctx context.Context, c Command, in Input, rest []Word, named []string) error {
	if s.Confirm == nil {
		return usagef("%s needs --yes", c.Name)
	}
	if c.Question == nil || !s.Typed {
		return s.Confirm(ctx, strings.Join(append(named, strings.TrimSpace(c.Name+" "+joinRaw(rest))+"?"), "\n"))
	}
	question, err := c.Question(ctx, s, in)
	if err == nil {
		err = s.rehearse(ctx, c, in)
	}
	if err != nil {
		return err
	}
	return s.Confirm(ctx, question+"?")
}

// rehearse runs a command in a transaction that is rolled back, and returns its error.
func (s *Session) rehearse(ctx context.Context, c Command, in Input) error {
	in.values = maps.Clone(in.values)
	in.values["yes"] = true
	return s.trial(ctx, func(t *Session) error {
		_, refused := c.Run(ctx, t, in)
		return refused
	})
}

// trial calls do in a transaction that is rolled back, and returns its error.
func (s *Session) trial(ctx context.Context, do func(*Session) error) error {
	db, _, rollback, err := s.DB.Atomic(ctx)
	if err != nil {
		return err
	}
	trial := *s
	trial.DB = db
	refused := do(&trial)
	return cmp.Or(refused, rollback(ctx))
}
