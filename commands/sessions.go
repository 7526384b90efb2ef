package commands

import (
	"context"
	"fmt"
	"time"

	"crm/repo"
	"crm/security"
)

// This file lists and ends sessions: the user's own and, with the permission, others'. The database checks whose they
// are.

var sessionFields = []Field[repo.SignedIn]{
	{Column{Name: "id"}, func(i repo.SignedIn) any { return i.ID }},
	{Column{Name: "client"}, func(i repo.SignedIn) any { return cameFrom(i) }},
	{Column{Name: "created_at"}, func(i repo.SignedIn) any { return i.CreatedAt }},
	{Column{Name: "last_used_at"}, func(i repo.SignedIn) any { return deref(i.LastUsedAt) }},
	{Column{Name: "ends_at", Wide: 1}, func(i repo.SignedIn) any { return i.EndsAt }},
	{Column{Name: "current"}, func(i repo.SignedIn) any { return i.Current }},
}

// cameFrom returns where a session was opened: an address, or "this machine" for the database's own machine.
func cameFrom(i repo.SignedIn) string {
	if i.Client == nil {
		return "this machine"
	}
	return *i.Client
}

// SessionID is the kind of a session's ID. Completion offers the user's own sessions.
var SessionID = Kind{
	Name: "SESSION_ID", Parse: ID.Parse,
	Live: func(ctx context.Context, s *Session) ([]Choice, error) {
		found, err := s.DB.Sessions(ctx, s.Me.ID)
		return live(found, err, func(i repo.SignedIn) Choice {
			which := "from " + cameFrom(i) + ", since " + clock(s, i.CreatedAt)
			if i.Current {
				which += ", this one"
			}
			return Choice{fmt.Sprint(i.ID), which}
		})
	},
}

func sessionCommands() Table {
	return Table{
		short(sessionFields, Command{
			Name: "session list", Short: "List where you are signed in", Needs: security.SignedIn,
			Examples: []string{"session list"},
			Run: func(ctx context.Context, s *Session, _ Input) (Output, error) {
				return sessionsOf(ctx, s, s.Me.ID)
			},
		}),
		{
			Name: "session end", Short: "End a session, or all of yours but this one", Needs: security.SignedIn,
			Args:     []Arg{{Name: "id", Kind: SessionID, Help: "its number, as printed", Optional: true}},
			Flags:    []Flag{{Name: "others", Kind: Switch, Help: "all your sessions but this one"}},
			Examples: []string{"session end --others"},
			Run:      endSession,
		},
		short(sessionFields, Command{
			Name: "user sessions", Short: "List where a collaborator is signed in", Needs: security.SignedIn,
			Args: []Arg{idArg(UserID)}, Examples: []string{"user sessions me"},
			Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
				id := Value[int64](in, "id")
				out, err := sessionsOf(ctx, s, id)
				if err == nil && len(out.Rows) == 0 {
					_, err = s.DB.User(ctx, id) // distinguishes a user without sessions from a missing user
				}
				return out, named(err, "user", id)
			},
		}),
	}
}

func sessionsOf(ctx context.Context, s *Session, id int64) (Output, error) {
	found, err := s.DB.Sessions(ctx, id)
	return list(sessionFields, found), err
}

func endSession(ctx context.Context, s *Session, in Input) (Output, error) {
	id, others := Value[int64](in, "id"), in.Has("others")
	switch {
	case in.Has("id") && others:
		return Output{}, usagef("want the ID of one session or --others, not both")
	case !in.Has("id") && !others:
		return Output{}, usageHint(`"session list" shows yours`, "session end needs the ID of a session, or --others")
	case others:
		ended, err := s.DB.EndOtherSessions(ctx)
		out := endedSessions(ended)
		out.Message = "your other sessions have ended: " + grouped(ended)
		out.Events = []Event{{Name: "other sessions ended", Level: LevelInfo}}
		return out, err
	case id == s.signer.SessionID():
		return logout(ctx, s, in)
	}
	err := s.DB.EndSession(ctx, id)
	out := endedSessions(1)
	out.Message = fmt.Sprintf("session %d ended", id)
	out.Events = []Event{happened("session", id, "ended")}
	return out, named(err, "session", id)
}

// endedSessions returns the Output of a number of sessions that were ended.
func endedSessions(ended int64) Output {
	out := single([]Field[int64]{{Column{Name: "ended"}, func(n int64) any { return n }}}, ended)
	out.Quiet = true
	return out
}

// Reauthenticate asks the signed-in user to sign in again. It accepts only what is typed, not a file or the
// environment. It opens a new session and ends the old one.
func Reauthenticate(ctx context.Context, s *Session) (Output, error) {
	ask := s.Secret
	defer func() { s.Secret = ask }()
	s.Secret = func(ctx context.Context, r SecretRequest) (string, error) {
		r.File, r.Env = "", false
		return ask(ctx, r)
	}
	return login(ctx, s, Input{values: map[string]any{"email": s.Me.Email}})
}

// Leave logs out on exit without waiting for an unreachable database. The key is gone either way; ending the session
// keeps `session list` accurate.
func Leave(s *Session) Output {
	if s.Me == nil {
		return Output{}
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	s.DB = s.DB.Quiet()
	out, _ := logout(ctx, s, Input{})
	return out
}
