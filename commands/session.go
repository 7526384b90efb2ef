package commands

import (
	"context"
	"io"
	"time"

	"crm/repo"
	"crm/security"
)

// A Session is one conversation: the signed-in user, their permissions, and the settings.
type Session struct {
	DB     *repo.DB        // sends the user's token with every statement
	Me     *repo.User      // nil when signed out
	Matrix security.Matrix // permissions of Me's role; nil when signed out
	// what Me must do first: "password" or "mfa"; empty for nothing
	Duty     string
	Typed    bool             // lines are typed at a prompt, not read from a script
	Settings *Settings        // what `set` shows and changes
	Locale   Locale           // for dates, amounts and phone numbers
	Table    Table            // every command
	Terms    Terms            // of signing in
	Device   *security.Device // key of this machine; nil: an unknown device

	// Functions of the shell, set before the first command.
	Secret  func(ctx context.Context, r SecretRequest) (string, error)
	Confirm func(ctx context.Context, question string) error // nil means yes
	// Choose asks which of several choices the user means; nil in a script.
	Choose func(ctx context.Context, question string, choices []Choice) (Choice, error)
	// Ask asks for the blanks of a command, and calls Set with each answer until one is accepted; nil in a script.
	Ask    func(ctx context.Context, c Command, blanks []Blank) error
	Source func(ctx context.Context, file string) error // runs the commands of a file
	Clear  func()                                       // empties the screen
	// Editor opens a text in the user's editor; nil without a terminal. kind is the extension of the file.
	Editor func(kind, text string) (string, error)
	Retype func(text string) // begins the next line with text
	// Input is standard input; nil if commands are read from it.
	Input    io.Reader
	Progress func(what, unit string) (show func(done, total int64), leave func()) // on a terminal; may be nil
	Watch    func(ctx context.Context, every time.Duration, line string) error
	Last     string   // the previous command
	LastID   int64    // ID of the last record answered alone; 0: none
	LastNoun string   // its noun
	Next     string   // the command for the next page of the last list; empty without one
	Aliases  *Aliases // the user's own names for commands
	Programs Programs // may read answers, behind a |
	File     string   // behind a >, to which the shell writes the answers; empty: none

	// Retyped asks the user to type one of the words before an action that cannot be undone; nil means yes.
	Retyped func(ctx context.Context, question string, words ...string) error

	signer   *security.Signer // of Me's database session; nil when signed out
	watching bool             // watch is running; its lists are not exports
}

// A SecretRequest describes how to read a password or a code: from File if it is set, else from CRM_PASSWORD or
// CRM_CODE if Env is true, else from the terminal without echo.
type SecretRequest struct {
	Question string // "password", "new password"
	File     string
	Env      bool
	Code     bool // a code of a second factor, not a password
	Twice    bool // a new password, which must be typed twice
	// checks a typed password before it must be repeated; after an error the question is repeated; may be nil
	Check func(secret string) error
	// lines shown before the question, on the terminal only
	Notice string
	// text of a QR code shown with the notice; the question then needs a terminal
	QR string
}

// Terms are the company's rules for signing in.
type Terms struct {
	TokenLifetime   time.Duration   // of an access token
	SessionLifetime time.Duration   // of a sign-in; the database may set a lower limit
	Password        security.Params // the cost of new passwords
}

// A Locale has the company's conventions for dates, amounts and phone numbers.
type Locale struct {
	Zone     *time.Location
	Region   string // of phone numbers without a country code: "FR"
	Currency string // ISO 4217: "EUR"
	Language string // BCP 47: "fr", for separators in amounts and the order of names
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
