package program

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adrg/xdg"

	"crm/commands"
	"crm/repo"
	"crm/repo/place"
	"crm/security"
	"crm/seed"
	"crm/shell"
)

// This file wires the shell: the prompt, scripts and the demo.

// converse runs the prompt or a script.
func (p *program) converse(ctx context.Context) error {
	if p.GetBool("atomic") && p.GetBool("keep_going") {
		return usage("--atomic and --keep-going exclude each other")
	}
	var sources []shell.Source
	for _, s := range p.line.Scripts {
		sources = append(sources, shell.Source(s))
	}
	scripts, done, err := shell.Scripts(sources, os.Stdin)
	if err != nil {
		return err
	}
	defer done()
	if closed, certain := outputClosed(); closed && !certain && scripts != nil {
		_ = shell.Say(os.Stderr,
			"warning: standard output is closed, or discards the answers: use > /dev/null to discard them")
	}
	at, err := p.locate(ctx)
	if err != nil {
		return err
	}
	if p.demo {
		if err := p.fillDemo(ctx, at); err != nil {
			return err
		}
	}
	db, err := p.open(at)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, db.Close)
	sh := p.shell(db)
	p.closers = append(p.closers, sh.Leave)
	sh.Session.Typed = scripts == nil
	p.conversed = true
	if err := p.login(ctx, sh); err != nil && scripts != nil {
		return err
	}
	if id := p.line.Text("run-id"); id != "" {
		if scripts == nil {
			return usage("--run-id names the run of a script: give one with -c, -f or on stdin")
		}
		db.Resume(id)
	}
	if len(sources) > 0 && !slices.ContainsFunc(sources, shell.Source.IsStdin) {
		sh.Session.Input = shell.UntilDone(ctx, os.Stdin)
	}
	if scripts != nil {
		return sh.Run(ctx, scripts...)
	}
	p.ended, err = sh.Meet(ctx, os.Stdin, os.Stdout, p.welcome(sh))
	return err
}

// login signs in with the config's email, if there is one. The user's record is not part of the output.
func (p *program) login(ctx context.Context, sh *shell.Shell) error {
	email := p.GetString("login")
	if email == "" {
		return nil
	}
	return sh.Run(ctx, shell.Script{Text: strings.NewReader("login --format table -- " + commands.Quote(email))})
}

func (p *program) shell(db *repo.DB) *shell.Shell {
	programs, _ := commands.ParsePrograms(p.GetString("shell.pipe")) // was checked
	sh := &shell.Shell{
		Session: &commands.Session{
			DB: db,
			Settings: &commands.Settings{
				Format: p.GetString("format"), Color: p.GetString("color"), Limit: p.GetInt("limit"),
			},
			Locale: commands.Locale{
				Zone: p.zone(), Region: p.GetString("locale.region"), Currency: p.GetString("locale.currency"),
				Language: p.GetString("locale.language"), Now: time.Now,
			},
			Device: p.device(),
			Table:  commands.All(), Aliases: commands.OpenAliases(filepath.Join(xdg.ConfigHome, "crm", "aliases")),
			Terms: commands.Terms{
				TokenLifetime: p.GetDuration("session.token"), SessionLifetime: p.GetDuration("session.lifetime"),
				Password: p.passwordCost(),
			},
			Programs: programs,
		},
		Data: os.Stdout, Words: os.Stderr, Secrets: p.secrets(), Reporter: p.reporter,
		Screen: shell.ScreenOf(os.Stdout),
		Idle:   p.GetDuration("session.idle"), Yes: p.GetBool("yes"), Quiet: p.GetBool("quiet"),
		KeepGoing: p.GetBool("keep_going"), Atomic: p.GetBool("atomic"),
	}
	sh.Attach()
	return sh
}

// device returns the user's device. Without its file, the database treats sign-ins as those of an unknown device.
func (p *program) device() *security.Device {
	dir := filepath.Join(xdg.StateHome, "crm")
	if p.demo {
		dir = filepath.Join(xdg.DataHome, "crm", "demo")
	}
	file := filepath.Join(dir, "device")
	device, err := security.OpenDevice(file)
	if err != nil {
		_ = shell.Say(os.Stderr, fmt.Sprintf("warning: sign-ins are those of an unknown device: %v", err))
	} else {
		p.warnReadable(file, "holds the key of this device")
	}
	return device
}

func (p *program) welcome(sh *shell.Shell) shell.Welcome {
	w := shell.Welcome{
		HistoryFile: cmp.Or(p.GetString("history.file"), filepath.Join(xdg.StateHome, "crm", "history")),
		HistorySize: p.GetInt("history.size"),
	}
	w.Words = []string{fmt.Sprintf("crm %s · %s", version, sh.Session.DB.Server())}
	if p.demo && sh.Session.Me == nil {
		w.Words = append(w.Words,
			"fictional data; sign in with: login sales1@epic.example (password "+seed.DemoPassword+")")
	}
	w.Words = append(w.Words, `"help" lists the commands, Tab completes, Ctrl-D exits`)
	return w
}

// say prints a message for users.
func (p *program) say(message string) {
	if !p.GetBool("quiet") {
		_ = shell.Say(os.Stderr, message)
	}
}

// fillDemo creates the demo's database unless it is complete.
func (p *program) fillDemo(ctx context.Context, at place.Place) error {
	c := seed.Amounts(nil, nil, nil)
	c.Now, c.Zone, c.Seed = time.Now(), p.zone(), 1
	return seed.Demo(ctx, seed.DemoPlace{
		Admin: repo.NewAdmin(at.AdminURL, at.Names), SchemaSQL: p.schemaSQL, KeysetFile: p.keysetFile(),
		Open: func() (*repo.DB, error) { return p.open(at) },
	}, c, func() { p.say("making a demo database …") })
}
