package commands

import (
	"context"
	"errors"
	"fmt"

	"crm/repo"
	"crm/security"
)

// This file signs in and out. The session's key lives in memory only, inside the signer.

// A duty is something that a user must do before any other command. The database reports it with these values.
const (
	dutyPassword = "password" // replace a one-time password
	dutyFactor   = "mfa"      // enrol a second factor, because the role requires one
)

var (
	passwordFile = Flag{Name: "password-file", Kind: Path, Help: "read the password from this file instead of asking"}
	codeFile     = Flag{Name: "code-file", Kind: Path, Help: "read the code of the second factor from this file"}
)

func accountCommands() Table {
	return Table{
		{
			Name: "login", Short: "Sign in", Needs: security.Public,
			Args:     []Arg{{Name: "email", Kind: Required(Email), Help: "your email"}},
			Flags:    []Flag{passwordFile, codeFile, formatFlag},
			Examples: []string{"login sales1@epic.example"},
			Secret:   asked, Run: login,
		},
		{Name: "logout", Short: "Sign out and end the session in the database", Needs: security.Limited, Run: logout},
		{
			Name: "whoami", Short: "Show who is signed in", Needs: security.Limited, Flags: []Flag{formatFlag},
			Examples: []string{"whoami"}, Run: whoami,
		},
		{
			Name: "password", Short: "Change your own password; your other sessions end", Needs: security.Limited,
			Flags: []Flag{
				passwordFile,
				{Name: "new-password-file", Kind: Path, Help: "read the new password from this file"},
				codeFile,
			},
			Secret: asked, Run: changePassword,
		},
	}
}

func login(ctx context.Context, s *Session, in Input) (Output, error) {
	password, err := s.Secret(ctx, SecretRequest{
		Question: "password", File: Value[string](in, "password-file"),
		Env: true,
	})
	if err != nil {
		return Output{}, err
	}
	signedOut := s.DB.As(nil)
	p, err := s.proofOf(ctx, Value[string](in, "email"), password)
	if err != nil {
		return Output{}, err
	}
	defer p.wipe()
	raised := s.raised(p)
	var opening repo.Opening
	err = s.withCode(ctx, SecretRequest{File: Value[string](in, "code-file"), Env: true}, func(code string) error {
		opening, err = signedOut.SignIn(ctx, p.with(code), s.Terms.SessionLifetime, raised)
		return err
	})
	if err != nil {
		return Output{Events: refused(err)}, err
	}
	if err := s.enter(ctx, signedOut, opening); err != nil {
		return Output{}, err
	}
	out := single(userFields, *s.Me)
	out.Quiet = true
	out.Message = fmt.Sprintf("signed in as %s %s (%s)", s.Me.FirstName, s.Me.LastName, s.Me.Role)
	out.Events = []Event{{Name: "signed in", Level: LevelInfo}}
	if s.Duty == dutyPassword && s.Typed {
		events, err := s.chooseNow(ctx, p)
		out.Events = append(out.Events, events...)
		if err != nil {
			return out, err
		}
		if s.Duty != dutyPassword {
			out.Message += "\npassword changed"
		}
	}
	out.Message += s.remind()
	if keeps, err := s.DB.KeepsSessions(ctx); err == nil && keeps {
		out.Warnings = append(out.Warnings,
			"the connection pooler passes the session state of one program to the next: "+
				"crm config check shows what to set")
	}
	return out, nil
}

// enter makes a newly opened database session the session of this conversation. It ends the previous session.
func (s *Session) enter(ctx context.Context, signedOut *repo.DB, o repo.Opening) error {
	signer := security.NewSigner(security.Session{ID: o.SessionID, UserID: o.UserID, Key: o.Key, Ends: o.Ends},
		s.Terms.TokenLifetime, s.Locale.Now)
	signer.Heard()(o.ServerTime) // tokens are checked by the database's clock
	next := Session{DB: signedOut.As(signer.Token).Timed(signer.Heard)}
	if err := next.refresh(ctx); err != nil {
		return err
	}
	if s.Me != nil { // a conversation has only one session
		_ = s.DB.SignOut(ctx)
	}
	s.forget()
	s.DB, s.signer, s.Me, s.Matrix, s.Duty = next.DB, signer, next.Me, next.Matrix, next.Duty
	return nil
}

// refresh reads the signed-in user, their permissions and their duty from the database.
func (s *Session) refresh(ctx context.Context) error {
	me, may, duty, err := s.DB.Whoami(ctx)
	if err != nil {
		return err
	}
	matrix, err := matrixOf(may)
	if err != nil {
		return err
	}
	s.Me, s.Matrix, s.Duty = &me, matrix, duty
	return nil
}

// remind returns the lines that a message adds about the user's duty; "" without one.
func (s *Session) remind() string {
	if s.Duty == "" {
		return ""
	}
	text, hint := Describe(s.due())
	return "\n" + text + "\nhint: " + hint
}

// due returns the error of a command that is refused because of the user's duty.
func (s *Session) due() error {
	if s.Duty == dutyPassword {
		return &worded{
			"your password is a one-time password: choose a new one first",
			"with password; in a script: password --password-file FILE --new-password-file FILE", repo.ErrDenied,
		}
	}
	return &worded{
		fmt.Sprintf("the role %s must have a second factor: enrol yours first", s.Me.Role),
		"with mfa enable, at a terminal", repo.ErrDenied,
	}
}

// refused returns the event of a sign-in with wrong credentials; nil for other errors.
func refused(err error) []Event {
	if !errors.Is(err, repo.ErrCredentials) {
		return nil
	}
	return []Event{{Name: "sign-in refused", Level: LevelWarning}}
}

func matrixOf(may []repo.Permission) (security.Matrix, error) {
	matrix := security.Matrix{}
	for _, p := range may {
		scope, err := security.ParseScope(p.Scope)
		if err != nil {
			return nil, err
		}
		matrix[security.Action(p.Action)] = scope
	}
	return matrix, nil
}

// forget wipes the session's key and clears the signed-in user.
func (s *Session) forget() {
	if s.signer != nil {
		s.signer.Wipe()
	}
	s.DB, s.signer, s.Me, s.Matrix, s.Duty = s.DB.As(nil), nil, nil, nil, ""
}

// explainSignedOut replaces repo.ErrSignedOut with the reason: a new duty, or a session that has ended. In the second
// case it signs the user out. It returns other errors unchanged.
func (s *Session) explainSignedOut(ctx context.Context, err error) error {
	if s.Me == nil || !errors.Is(err, repo.ErrSignedOut) {
		return err
	}
	if s.refresh(ctx) == nil && s.Duty != "" {
		return s.due()
	}
	email := s.Me.Email
	s.forget()
	return &worded{"your session has ended", fmt.Sprintf("sign in again with: login %s", email), repo.ErrSignedOut}
}

func logout(ctx context.Context, s *Session, _ Input) (Output, error) {
	err := s.DB.SignOut(ctx)
	out := Output{Message: "signed out", Events: []Event{{Name: "signed out", Level: LevelInfo}}}
	s.forget() // even if the database returned an error
	if errors.Is(err, repo.ErrSignedOut) {
		err = nil
	}
	return out, err
}

func whoami(ctx context.Context, s *Session, _ Input) (Output, error) {
	me, _, _, err := s.DB.Whoami(ctx)
	out := single(userFields, me)
	out.Message = "on " + s.DB.Server()
	return out, err
}
