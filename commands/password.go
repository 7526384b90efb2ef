package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"crm/repo"
	"crm/security"
)

// This file proves and changes passwords. No password is stored or shown, except the one-time password that an
// administrator hands over.

// A proof is the key that proves a password to the database.
type proof struct {
	password string
	cost     security.Params
	salt     []byte
	key      *security.Secret
	claim    repo.Claim // contains the key, but no code
}

// proofOf derives the key of a password with the stored parameters of the account.
func (s *Session) proofOf(ctx context.Context, email, password string) (*proof, error) {
	d, err := s.DB.As(nil).SignInParams(ctx, email)
	if err != nil {
		return nil, err
	}
	p := &proof{password: password}
	if _, err := p.keyAt(d); err != nil {
		return nil, err
	}
	p.claim = repo.Claim{Email: email, Key: p.keyAt}
	if s.Device != nil {
		p.claim.Turn = s.Device.Turn
		if key := s.Device.Key(); key != nil {
			p.claim.Device = key
		}
	}
	return p, nil
}

// keyAt returns the key for a cost and a salt. It derives it only once. It refuses a cost that is too low: a malicious
// server could ask for it to guess the password from the key.
func (p *proof) keyAt(d repo.Derivation) (repo.Secret, error) {
	cost := security.Params{Memory: d.MemoryKiB, Iterations: d.Iterations, Parallelism: d.Parallelism}
	if p.key != nil && p.cost == cost && bytes.Equal(p.salt, d.Salt) {
		return p.key, nil
	}
	key, err := security.DeriveKey(p.password, cost, d.Salt)
	if errors.Is(err, security.ErrCheap) {
		err = &worded{
			fmt.Sprintf("the server asks for a password at too low a cost: %v", err),
			"it may be a false server; if it is not, an administrator gives you a new password: user reset-password",
			repo.ErrServer,
		}
	}
	if err != nil {
		return nil, err
	}
	p.wipe()
	p.cost, p.salt, p.key = cost, d.Salt, security.NewSecret(key)
	clear(key)
	return p.key, nil
}

// wipe overwrites the key.
func (p *proof) wipe() {
	if p.key != nil {
		p.key.Wipe()
	}
}

// with returns the claim with a code.
func (p *proof) with(code string) repo.Claim {
	c := p.claim
	c.Code = code
	return c
}

// isOf reports whether the password is that of the proof.
func (p *proof) isOf(password string) (bool, error) {
	key, err := security.DeriveKey(password, p.cost, p.salt)
	same := bytes.Equal(security.NewSecret(key).Hash(), p.key.Hash())
	clear(key)
	return same, err
}

// withCode calls do without a code. If the database asks for a code of the second factor, it reads one as r says and
// calls do again.
func (s *Session) withCode(ctx context.Context, r SecretRequest, do func(code string) error) error {
	err := do("")
	if !errors.Is(err, repo.ErrCode) {
		return err
	}
	r.Question = "code of your second factor"
	code, err := s.askCode(ctx, r)
	if err != nil {
		return err
	}
	return wrongCode(do(code))
}

// wrongCode adds the text to the error of a wrong code. The database asks for a code only after a right password.
func wrongCode(err error) error {
	if !errors.Is(err, repo.ErrCredentials) {
		return err
	}
	return &worded{
		"the code is wrong or used, or the account is locked for a while",
		"if it was used: the next code of your device works", err,
	}
}

// askCode asks for a code and removes blanks from it.
func (s *Session) askCode(ctx context.Context, r SecretRequest) (string, error) {
	r.Code = true
	code, err := s.Secret(ctx, r)
	return strings.ReplaceAll(code, " ", ""), err
}

// raised returns the verifier of the proof's password at the configured cost if the stored cost is lower, else nil.
// The cost is never lowered.
func (s *Session) raised(p *proof) *repo.Password {
	wanted := s.Terms.Password
	if wanted.Memory < p.cost.Memory || wanted.Iterations < p.cost.Iterations ||
		wanted.Memory == p.cost.Memory && wanted.Iterations == p.cost.Iterations {
		return nil
	}
	v, err := verifier(p.password, wanted)
	if err != nil {
		return nil // the sign-in continues with the old cost
	}
	return v
}

func changePassword(ctx context.Context, s *Session, in Input) (Output, error) {
	current, err := s.Secret(ctx, SecretRequest{
		Question: "current password", File: Value[string](in, "password-file"),
		Env: true,
	})
	if err != nil {
		return Output{}, err
	}
	next, err := s.Secret(ctx, SecretRequest{
		Question: "new password", File: Value[string](in, "new-password-file"),
		Twice: true, Check: passwordCheck(*s.Me),
	})
	if err != nil {
		return Output{}, err
	}
	p, err := s.proofOf(ctx, s.Me.Email, current)
	if err != nil {
		return Output{}, err
	}
	defer p.wipe()
	if err := s.replacePassword(ctx, p, next, Value[string](in, "code-file")); err != nil {
		return wrongProof(err)
	}
	return Output{
		Message: "password changed; your other sessions have ended" + s.remind(),
		Events:  []Event{passwordChanged},
	}, nil
}

var passwordChanged = Event{Name: "password changed", Level: LevelInfo}

// replacePassword changes the signed-in user's password and then refreshes their permissions and duty.
func (s *Session) replacePassword(ctx context.Context, p *proof, next, file string) error {
	v, err := Verifier(next, s.Terms.Password, *s.Me)
	if err != nil {
		return err
	}
	if same, err := p.isOf(next); err != nil {
		return err
	} else if same {
		return invalidPassword("must not be the one that you have")
	}
	err = s.withCode(ctx, SecretRequest{File: file}, func(code string) error {
		return s.DB.ChangePassword(ctx, p.with(code), *v)
	})
	if err == nil && s.Duty != "" {
		err = s.refresh(ctx)
	}
	return err
}

// chooseNow asks a user who signed in with a one-time password for a new one, until it is accepted or they give up.
func (s *Session) chooseNow(ctx context.Context, p *proof) ([]Event, error) {
	notice := "your password is a one-time password: choose a new one"
	for {
		next, err := s.Secret(ctx, SecretRequest{
			Question: "new password", Twice: true, Check: passwordCheck(*s.Me),
			Notice: notice,
		})
		if err == nil {
			err = s.replacePassword(ctx, p, next, "")
		}
		switch {
		case err == nil:
			return []Event{passwordChanged}, nil
		case errors.Is(err, context.Canceled):
			return nil, ctx.Err()
		case errors.Is(err, repo.ErrInvalid), errors.Is(err, ErrUsage):
			notice, _ = Describe(err)
		default:
			return refused(err), err
		}
	}
}

// Verifier returns the stored form of a password. It returns an error if the password breaks the rules (S11) for the
// user, of whom only some fields may be known.
func Verifier(password string, cost security.Params, user repo.User) (*repo.Password, error) {
	if err := CheckPassword(password, user); err != nil {
		return nil, err
	}
	return verifier(password, cost)
}

func verifier(password string, cost security.Params) (*repo.Password, error) {
	v, err := security.NewVerifier(password, cost)
	if err != nil {
		return nil, err
	}
	return &repo.Password{
		MemoryKiB: v.Memory, Iterations: v.Iterations, Parallelism: v.Parallelism, Salt: v.Salt,
		KeyHash: v.KeyHash,
	}, nil
}

// oneTimePassword returns a random password and its stored form.
func oneTimePassword(cost security.Params) (string, *repo.Password, error) {
	password := security.OneTimePassword()
	v, err := verifier(password, cost)
	if err != nil {
		return "", nil, err
	}
	v.OneTime = true
	return password, v, nil
}

// passwordCheck returns a function that checks a new password for a user.
func passwordCheck(user repo.User) func(string) error {
	return func(password string) error { return CheckPassword(password, user) }
}

// CheckPassword checks the rules for passwords (S11). u may be known only in part. Errors are repo.ErrInvalid.
func CheckPassword(password string, u repo.User) error {
	var problems []string
	if missing := security.CheckPolicy(password); len(missing) > 0 {
		problems = append(problems, "must have "+strings.Join(missing, ", "))
	}
	if guessable := security.Guessable(password, u.FirstName, u.LastName, u.Email); len(guessable) > 0 {
		problems = append(problems, "must not "+strings.Join(guessable, ", "))
	}
	if problems == nil {
		return nil
	}
	return invalidPassword(strings.Join(problems, "; "))
}

func invalidPassword(text string) error {
	return repo.Invalid{Problems: []repo.Problem{{Field: "password", Text: text}}}
}
