package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm/repo"
	"crm/security"
)

// This file signs in and out. The session's key lives in memory only, inside the signer.

func accountCommands() Table {
	passwordFile := Flag{Name: "password-file", Kind: Path, Help: "read the password from this file instead of asking"}
	return Table{
		{
			Name: "login", Short: "Sign in", Needs: security.Public,
			Args:     []Arg{{Name: "email", Kind: Required(Email), Help: "your email"}},
			Flags:    []Flag{passwordFile, formatFlag},
			Examples: []string{"login sales1@epic.example"},
			Run:      login,
		},
		{Name: "logout", Short: "Sign out and end the session in the database", Needs: security.SignedIn, Run: logout},
		{Name: "whoami", Short: "Show who is signed in", Needs: security.SignedIn, Flags: []Flag{formatFlag}, Examples: []string{"whoami"}, Run: whoami},
		{
			Name: "password", Short: "Change your own password; your other sessions end", Needs: security.SignedIn,
			Flags: []Flag{passwordFile, {Name: "new-password-file", Kind: Path, Help: "read the new password from this file"}},
			Run:   changePassword,
		},
	}
}

func login(ctx context.Context, s *Session, in Input) (Output, error) {
	email := Value[string](in, "email")
	password, err := s.Secret(ctx, SecretRequest{Question: "password", File: Value[string](in, "password-file"), Env: true})
	if err != nil {
		return Output{}, err
	}
	nobody := s.DB.As(nil)
	opening, err := signIn(ctx, nobody, email, password, s.Terms.SessionLifetime)
	if err != nil {
		return Output{Events: refused(err)}, err
	}
	drift := time.Until(opening.ServerTime) // the database's clock judges the tokens
	signer := security.NewSigner(security.Session{ID: opening.SessionID, UserID: opening.UserID, Key: opening.Key, Ends: opening.Ends},
		s.Terms.TokenLifetime, func() time.Time { return s.Locale.Now().Add(drift) })
	mine := nobody.As(signer.Token)
	me, may, _, err := mine.Whoami(ctx)
	if err != nil {
		return Output{}, err
	}
	matrix, err := matrixOf(may)
	if err != nil {
		return Output{}, err
	}
	if s.Me != nil { // one conversation, one session
		_ = s.DB.SignOut(ctx)
	}
	s.forget()
	s.DB, s.signer, s.Me, s.Matrix = s.DB.As(signer.Token), signer, &me, matrix
	out := single(userFields, me)
	out.Quiet = true
	out.Message = fmt.Sprintf("signed in as %s %s (%s)", me.FirstName, me.LastName, me.Role)
	out.Events = []Event{{Name: "signed in", Level: LevelInfo}}
	return out, nil
}

// signIn turns a password into a database session.
func signIn(ctx context.Context, db *repo.DB, email, password string, lifetime time.Duration) (repo.Opening, error) {
	d, err := db.SignInParams(ctx, email)
	if err != nil {
		return repo.Opening{}, err
	}
	key, err := security.DeriveKey(password, security.Params{Memory: d.MemoryKiB, Iterations: d.Iterations, Parallelism: d.Parallelism}, d.Salt)
	if err != nil {
		return repo.Opening{}, err
	}
	return db.SignIn(ctx, email, key, "", lifetime)
}

// refused is the event of a sign-in that was turned down.
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

// forget wipes the key and everything that was known of the signed-in user.
func (s *Session) forget() {
	if s.signer != nil {
		s.signer.Wipe()
	}
	s.DB, s.signer, s.Me, s.Matrix = s.DB.As(nil), nil, nil, nil
}

// settle notices that the database has ended the session.
func (s *Session) settle(err error) error {
	if s.Me == nil || !errors.Is(err, repo.ErrSignedOut) {
		return err
	}
	email := s.Me.Email
	s.forget()
	return &worded{"your session has ended", fmt.Sprintf("sign in again with: login %s", email), repo.ErrSignedOut}
}

func logout(ctx context.Context, s *Session, _ Input) (Output, error) {
	err := s.DB.SignOut(ctx)
	out := Output{Message: "signed out", Events: []Event{{Name: "signed out", Level: LevelInfo}}}
	s.forget() // whatever the database says
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

func changePassword(ctx context.Context, s *Session, in Input) (Output, error) {
	current, err := s.Secret(ctx, SecretRequest{Question: "current password", File: Value[string](in, "password-file"), Env: true})
	if err != nil {
		return Output{}, err
	}
	verifier, err := newPassword(ctx, s, SecretRequest{Question: "new password", File: Value[string](in, "new-password-file"), Twice: true})
	if err != nil {
		return Output{}, err
	}
	d, err := s.DB.SignInParams(ctx, s.Me.Email)
	if err != nil {
		return Output{}, err
	}
	key, err := security.DeriveKey(current, security.Params{Memory: d.MemoryKiB, Iterations: d.Iterations, Parallelism: d.Parallelism}, d.Salt)
	if err != nil {
		return Output{}, err
	}
	if err := s.DB.ChangePassword(ctx, key, "", *verifier); errors.Is(err, repo.ErrCredentials) {
		return Output{Events: refused(err)}, &worded{"the current password is wrong, or the account is locked for a while", "", err}
	} else if err != nil {
		return Output{}, err
	}
	return Output{Message: "password changed; your other sessions have ended", Events: []Event{{Name: "password changed", Level: LevelInfo}}}, nil
}

// newPassword asks for a password, checks the company's rules and answers what the database keeps of it.
func newPassword(ctx context.Context, s *Session, r SecretRequest) (*repo.Password, error) {
	password, err := s.Secret(ctx, r)
	if err != nil {
		return nil, err
	}
	return Verifier(password, s.Terms.Password)
}

// Verifier is what the database keeps of a password that meets the company's rules (S11).
func Verifier(password string, cost security.Params) (*repo.Password, error) {
	if err := checkPassword(password); err != nil {
		return nil, err
	}
	v, err := security.NewVerifier(password, cost)
	if err != nil {
		return nil, err
	}
	return &repo.Password{MemoryKiB: v.Memory, Iterations: v.Iterations, Parallelism: v.Parallelism, Salt: v.Salt, KeyHash: v.KeyHash}, nil
}

func checkPassword(password string) error {
	if missing := security.CheckPolicy(password); len(missing) > 0 {
		return repo.Invalid{Problems: []repo.Problem{{Field: "password", Text: "must have " + strings.Join(missing, ", ")}}}
	}
	return nil
}
