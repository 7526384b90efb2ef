package commands

import (
	"context"
	"fmt"
	"time"
)

// This file has the commands with which administrators manage others' access: one-time passwords, lockouts, second
// factors.

func accessCommands() Table {
	return Table{
		{
			Name: "user reset-password", Short: "Give a collaborator a one-time password; their sessions end",
			Needs: action("user", "reset"),
			Args:  []Arg{idArg(UserID)}, Destructive: true,
			Secret:   "it makes a one-time password",
			Question: aboutUser("reset the password of"), Run: resetPassword,
		},
		{
			Name: "user unlock", Short: "End the lockout of a collaborator after failed sign-ins",
			Needs: action("user", "unlock"),
			Args:  []Arg{idArg(UserID)}, Examples: []string{"user unlock 3"},
			Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
				id := Value[int64](in, "id")
				if err := s.DB.Unlock(ctx, id); err != nil {
					return Output{}, named(err, "user", id)
				}
				u, err := s.DB.User(ctx, id)
				return done(userFields, u, "user", id, "unlocked"), err
			},
		},
		{
			Name: "user require-mfa", Short: "Require a second factor of all users with a role, or no longer",
			Needs: action("user", "mfa"),
			Args: []Arg{
				{Name: "role", Kind: Role, Help: "the department's role"},
				{Name: "state", Kind: onOff, Help: "on or off"},
			},
			Examples: []string{"user require-mfa sales off"}, Run: requireFactor,
		},
		{
			Name: "user clear-mfa", Short: "Remove the second factor of a collaborator who lost it; their sessions end",
			Needs: action("user", "mfa"),
			Args:  []Arg{idArg(UserID)}, Destructive: true,
			Question: aboutUser("remove the second factor of"), Run: clearFactor,
		},
	}
}

// A reset is a collaborator's new one-time password and its expiry.
type reset struct {
	id       int64
	password string
	until    time.Time
}

var resetFields = []Field[reset]{
	{Column{Name: "id"}, func(r reset) any { return r.id }},
	oneTime(func(r reset) string { return r.password }),
	{Column{Name: "expires_at"}, func(r reset) any { return r.until }},
}

func resetPassword(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	once, password, err := oneTimePassword(s.Terms.Password)
	if err != nil {
		return Output{}, err
	}
	until, err := s.DB.ResetPassword(ctx, id, *password)
	if err != nil {
		return Output{}, named(err, "user", id)
	}
	out := single(resetFields, reset{id, once, until})
	out.Message = fmt.Sprintf("user %d has a new password, and their sessions have ended\n%s", id, handOver)
	out.Events = []Event{{Name: "user password reset", Level: LevelWarning, Entity: "user", ID: id}}
	return out, nil
}

func requireFactor(ctx context.Context, s *Session, in Input) (Output, error) {
	role, on := Value[string](in, "role"), Value[string](in, "state") == "on"
	if err := s.DB.RequireFactor(ctx, role, on); err != nil {
		return Output{}, err
	}
	out := single([]Field[bool]{
		{Column{Name: "role"}, func(bool) any { return role }},
		{Column{Name: "required"}, func(on bool) any { return on }},
	}, on)
	out.Quiet = true
	out.Message = fmt.Sprintf("the role %s need not have a second factor", role)
	out.Events = []Event{{Name: "second factor not required", Level: LevelWarning}}
	if on {
		out.Message = fmt.Sprintf("the role %s must have a second factor; who has none can only enrol one", role)
		out.Events = []Event{{Name: "second factor required", Level: LevelWarning}}
	}
	if role != s.Me.Role {
		return out, nil
	}
	err := s.refresh(ctx)
	out.Message += s.remind()
	return out, err
}

func clearFactor(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	if err := s.DB.ClearFactor(ctx, id); err != nil {
		return Output{}, named(err, "user", id)
	}
	u, err := s.DB.User(ctx, id)
	out := done(userFields, u, "user", id, "has no second factor any more, and their sessions have ended")
	out.Events = []Event{{Name: "user second factor cleared", Level: LevelWarning, Entity: "user", ID: id}}
	return out, err
}
