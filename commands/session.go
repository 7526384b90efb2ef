package commands

import (
	"context"
	"io"
	"time"

	"crm/repo"
	"crm/security"
)

// A Session is one conversation: who is signed in, what they may do, and the company's habits.
type Session struct {
	DB     *repo.DB        // carries the token of the signed-in user with every statement
	Me     *repo.User      // nil when signed out
	Matrix security.Matrix // what Me's role may do; nil when signed out
	// what Me must do before anything else: choose a "password", enrol "mfa"; empty for nothing
	Duty     string
	Typed    bool             // somebody sits at a prompt: no script
	Settings *Settings        // what `set` shows and changes
	Locale   Locale           // how dates, amounts and phone numbers are read and written
	Table    Table            // every command
	Terms    Terms            // of signing in
	Device   *security.Device // that the user sits at; nil: an unknown one

	// What only the shell can do; all are set before the first command.
	Secret  func(ctx context.Context, r SecretRequest) (string, error)
	Confirm func(ctx context.Context, question string) error // nil: go on; else why not
	// Choose asks which of several choices is meant; nil in a script.
	Choose func(ctx context.Context, question string, choices []Choice) (Choice, error)
	// Ask asks for the blanks of a command, and calls Set with each answer until it is right; nil in a script.
	Ask      func(ctx context.Context, c Command, blanks []Blank) error
	Source   func(ctx context.Context, file string) error                   // runs the commands of a file
	Clear    func()                                                         // empties the screen
	Editor   func(kind, text string) (string, error)                        // lets the user edit a text; nil without a terminal
	Retype   func(text string)                                              // begins the next line with text
	Input    io.Reader                                                      // standard input, unless commands come from it; may be nil
	Progress func(what string) (show func(done, total int64), leave func()) // of long work, on a terminal; may be nil
	Watch    func(ctx context.Context, every time.Duration, line string) error
	Last     string   // the command before this one
	LastID   int64    // of the record that was shown alone or made last; 0: none
	Next     string   // the command for the next page of the last list; empty: it was not cut
	Aliases  *Aliases // the user's own names for commands

	// Retyped asks for one of the words before what cannot be taken back; nil: go on; else why not.
	Retyped func(ctx context.Context, question string, words ...string) error

	signer   *security.Signer // of Me's database session; nil when signed out
	watching bool             // a list that is repeated on the screen is no export
}

// A SecretRequest asks for a password or a code: read from File if one is named, else from CRM_PASSWORD or CRM_CODE if
// Env allows, else asked for without echo, where there is a terminal.
type SecretRequest struct {
	Question string // "password", "new password"
	File     string
	Env      bool
	Code     bool // of a second factor, no password
	Twice    bool // a new password is asked for again
	// judges it at the terminal, before it is asked for again: a bad one is asked for anew; may be nil
	Check func(secret string) error
	// for whoever is asked, in lines: shown on the terminal before the question and nowhere else
	Notice string
	// shown as a QR code beside the notice; the question makes no sense without a terminal
	QR string
}

// Terms are the company's rules of signing in.
type Terms struct {
	TokenLifetime   time.Duration   // of an access token
	SessionLifetime time.Duration   // of a sign-in; the database may allow less
	Password        security.Params // the cost of new passwords
}

// A Locale is how the company writes dates, amounts and phone numbers.
type Locale struct {
	Zone     *time.Location
	Region   string // of phone numbers without a country code: "FR"
	Currency string // ISO 4217: "EUR"
	Language string // BCP 47: "fr", for the signs in amounts and the order of names
	Now      func() time.Time
}

// May reports whether the session may do the action now.
func (s *Session) May(a security.Action) bool {
	switch {
	case s.Me == nil:
		return a == security.Public
	case s.Duty != "":
		return a == security.Public || a == security.Limited || a == security.Enrol && s.Duty == dutyFactor
	}
	return s.Matrix.Allows(a)
}
