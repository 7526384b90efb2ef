package commands

import (
	"context"
	"errors"

	"crm/repo"
	"crm/security"
)

// This file enrols and removes second factors. Their secrets are shown on the terminal only.

func factorCommands() Table {
	return Table{
		{
			Name: "mfa enable", Short: "Enrol a second factor, or another in its place; at a terminal only",
			Needs: security.Enrol,
			Flags: []Flag{passwordFile}, Secret: asked, Run: enableFactor,
		},
		{
			Name: "mfa disable", Short: "Remove your second factor", Needs: security.SignedIn,
			Flags: []Flag{passwordFile, codeFile}, Secret: asked, Run: disableFactor,
		},
		{
			Name: "mfa status", Short: "Show whether you have a second factor", Needs: security.Enrol,
			Examples: []string{"mfa status"},
			Run: func(ctx context.Context, s *Session, _ Input) (Output, error) {
				f, err := s.DB.Factor(ctx)
				return single(factorFields, f), err
			},
		},
	}
}

var factorFields = []Field[repo.Factor]{
	{Column{Name: "enabled"}, func(f repo.Factor) any { return f.Since != nil }},
	{Column{Name: "since"}, func(f repo.Factor) any { return deref(f.Since) }},
	{Column{Name: "recovery_codes_left"}, func(f repo.Factor) any { return f.RecoveryLeft }},
	{Column{Name: "required"}, func(f repo.Factor) any { return f.Required }},
}

var recoveryFields = []Field[string]{{Column{Name: "recovery_code"}, func(code string) any { return code }}}

// enableFactor first tries without a code. The database's answer shows whether the password is right and whether a
// factor exists, before any secret is shown.
func enableFactor(ctx context.Context, s *Session, in Input) (Output, error) {
	p, err := s.ownProof(ctx, in)
	if err != nil {
		return Output{}, err
	}
	defer p.wipe()
	secret := security.NewFactor()
	codes, hashes := security.NewRecoveryCodes()
	err = s.DB.EnableFactor(ctx, p.claim, secret, "", hashes)
	replaces := errors.Is(err, repo.ErrCode)
	ask := SecretRequest{
		Question: "code that it shows", QR: security.FactorURL(secret, s.Me.Email),
		Notice: "scan this with the app that\nauthenticates you, or type\nits secret there:\n\n" + security.FactorText(
			secret),
	}
	for replaces && errors.Is(err, repo.ErrCode) || errors.Is(err, repo.ErrInvalid) {
		code, current := "", ""
		if code, err = s.askCode(ctx, ask); err == nil && replaces {
			current, err = s.askCode(ctx, SecretRequest{Question: "code of the device that you have"})
		}
		if err != nil {
			return Output{}, err
		}
		err = s.DB.EnableFactor(ctx, p.with(current), secret, code, hashes)
		ask.Notice, _ = Describe(err)
		ask.QR = "" // it is still on the screen
	}
	if replaces {
		err = wrongCode(err)
	}
	if err != nil {
		return wrongProof(err)
	}
	if s.Duty != "" {
		err = s.refresh(ctx)
	}
	out := list(recoveryFields, codes)
	out.Message = "second factor enabled; your other sessions have ended\n" +
		"each code signs in once in place of your device; they are not shown again"
	out.Events = []Event{{Name: "second factor enabled", Level: LevelInfo}}
	return out, err
}

func disableFactor(ctx context.Context, s *Session, in Input) (Output, error) {
	p, err := s.ownProof(ctx, in)
	if err != nil {
		return Output{}, err
	}
	defer p.wipe()
	err = s.withCode(ctx, SecretRequest{File: Value[string](in, "code-file")}, func(code string) error {
		return s.DB.DisableFactor(ctx, p.with(code))
	})
	if err != nil {
		return wrongProof(err)
	}
	return Output{
		Message: "second factor disabled",
		Events:  []Event{{Name: "second factor disabled", Level: LevelWarning}},
	}, nil
}

// ownProof asks for the signed-in user's password and returns its proof.
func (s *Session) ownProof(ctx context.Context, in Input) (*proof, error) {
	password, err := s.Secret(ctx, SecretRequest{
		Question: "password", File: Value[string](in, "password-file"),
		Env: true,
	})
	if err != nil {
		return nil, err
	}
	return s.proofOf(ctx, s.Me.Email, password)
}

// wrongProof adds the text for a refused password to an error, unless it already has a text, and returns the event.
func wrongProof(err error) (Output, error) {
	out := Output{Events: refused(err)}
	var w *worded
	if errors.Is(err, repo.ErrCredentials) && !errors.As(err, &w) {
		err = &worded{"the current password is wrong, or the account is locked for a while", "", err}
	}
	return out, err
}
