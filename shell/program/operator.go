package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"crm/commands"
	"crm/commands/config"
	"crm/commands/operator"
	"crm/repo"
	"crm/repo/place"
	"crm/seed"
	"crm/shell"
)

// This file wires the operator's commands.

// upgrade runs `crm upgrade`.
func (p *program) upgrade(ctx context.Context) error {
	at, _, err := p.admin(ctx)
	if err != nil {
		return err
	}
	return p.upgrader(at).Run(ctx, p.line.Is("dry-run"))
}

func (p *program) upgrader(at place.Place) operator.Upgrade {
	return operator.Upgrade{Admin: repo.NewAdmin(at.AdminURL, at.Names), SchemaSQL: p.schemaSQL, Say: p.say}
}

// operatorError turns a wrong flag or file of an operator's command into a usage error.
func operatorError(err error) error {
	if errors.Is(err, operator.ErrUsage) {
		return usage("%w", err)
	}
	return err
}

// needed returns the config keys with which crm reaches the database again.
func (p *program) needed(databaseURL string) [][2]string {
	keys := [][2]string{{"database.url", databaseURL}}
	for _, o := range config.Options() {
		if slices.Contains([]string{"database.schema", "database.owner", "encryption.keyset_file"}, o.Key) &&
			p.GetString(o.Key) != o.Default {
			keys = append(keys, [2]string{o.Key, p.GetString(o.Key)})
		}
	}
	return keys
}

// seed runs `crm seed` and `crm seed --purge` (S2).
func (p *program) seed(ctx context.Context) error {
	c := seed.Amounts(p.line.Number("customers"), p.line.Number("contracts"), p.line.Number("events"))
	c.Now, c.Zone, c.Seed, c.Params = time.Now(), p.zone(), 1, p.passwordCost()
	if err := c.Check(); err != nil {
		return usage("%w", err)
	}
	at, admin, err := p.admin(ctx)
	if err != nil {
		return err
	}
	if p.line.Is("purge") {
		gone, err := admin.Purge(ctx)
		if err == nil {
			p.say(operator.TellPurged(gone))
		}
		return err
	}
	db, err := p.open(at)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, db.Close)
	if secrets := p.secrets(); secrets.File != "" || secrets.Value != "" {
		if c.Password, err = operator.NewPassword(ctx, secrets.Read); err != nil {
			return err
		}
	}
	made, err := seed.Fill(ctx, admin, db, c, nil)
	if err == nil {
		p.say("added " + operator.Tell(made))
	}
	return err
}

// rotateKeys runs `crm rotate-keys`.
func (p *program) rotateKeys(ctx context.Context) error {
	if os.Getenv("CRM_KEYSET") != "" {
		return usage("crm rotate-keys writes the keyset's file: unset CRM_KEYSET, and set encryption.keyset_file if " +
			"it is not in its usual place")
	}
	_, admin, err := p.admin(ctx)
	if err != nil {
		return err
	}
	show, leave := shell.Progress(os.Stderr, "re-encrypting", "records", p.GetBool("quiet"))
	r := operator.Rotation{
		Admin: admin, KeysetFile: p.keysetFile(), Say: p.say, Happened: p.reporter.Happened, Progress: show,
	}
	switch {
	case p.line.Is("prepare"):
		return r.Prepare(ctx)
	case p.line.Is("retire"):
		err = r.Retire(ctx)
	default:
		err = r.Run(ctx)
	}
	if err != nil {
		leave()
	}
	if ctx.Err() != nil {
		p.say("re-encrypted values stay so: the same command continues from there")
	}
	return err
}

// keyset runs `crm keyset list`, `import` and `fingerprint`. Without an administrator's account it does not connect to
// the database.
func (p *program) keyset(ctx context.Context) error {
	keys := os.Getenv("CRM_KEYSET")
	k := operator.Keyset{File: p.keysetFile(), Content: []byte(keys), Say: p.say, Out: os.Stdout}
	if p.GetString("database.admin_url") != "" || p.demo {
		_, admin, err := p.admin(ctx)
		if err != nil {
			return err
		}
		k.Admin = admin
	}
	switch p.line.Command {
	case "keyset list":
		return k.List(ctx)
	case "keyset fingerprint":
		return k.Fingerprint()
	}
	if keys != "" {
		return usage("crm keyset import writes the keyset's file: unset CRM_KEYSET")
	}
	return k.Import(ctx, p.line.File)
}

// admin returns an administrator's access to the database.
func (p *program) admin(ctx context.Context) (place.Place, *repo.Admin, error) {
	at, err := p.locate(ctx)
	if err == nil && at.AdminURL == "" {
		err = usage("crm %s acts through an administrator's account: set CRM_DATABASE_ADMIN_URL", p.line.Command)
	}
	return at, repo.NewAdmin(at.AdminURL, at.Names), err
}

// verifyAudit runs `crm verify-audit`: it prints the head of the trail's chain, or returns an error that names the
// first bad entry.
func (p *program) verifyAudit(ctx context.Context) error {
	var expected *repo.ChainHead
	if text := p.line.Text("expect-head"); text != "" {
		head, err := repo.ParseChainHead(text)
		if err != nil {
			return usage("--expect-head: %w", err)
		}
		expected = &head
	}
	_, admin, err := p.admin(ctx)
	if err != nil {
		return err
	}
	head, waiting, err := admin.VerifyChain(ctx, expected)
	if err != nil {
		return err
	}
	if _, err := fmt.Printf("%d entries, chain whole, head %s\n", head.Position, head); err != nil {
		return commands.Unwritten(err)
	}
	if waiting.Entries > 0 {
		p.say(fmt.Sprintf("not linked yet, but with the next changes: %d entries, the oldest of %s", waiting.Entries,
			waiting.Since.Format(time.RFC3339)))
	}
	return nil
}

// checkConfig runs `crm config check`: it prints the weaknesses, and returns an error if there are any.
func (p *program) checkConfig(ctx context.Context) error {
	file := fileAlone(p.configFile)
	weak := config.Weak(func(key string) config.Setting {
		return config.Setting{Value: p.Get(key), File: file.Get(key)}
	}, p.configFile, p.keysetFile())
	at, err := p.locate(ctx)
	if err != nil {
		return err
	}
	if spot, _ := place.WeakTLS(cmp.Or(at.URL, at.AdminURL)); spot != "" {
		weak = append(weak, spot)
	}
	if at.URL != "" {
		for _, look := range []func() ([]string, error){
			func() ([]string, error) { return repo.WeakRole(ctx, at.URL, at.Names) },
			func() ([]string, error) { return repo.WeakPooler(ctx, at.URL) },
		} {
			spots, err := look()
			if err != nil {
				return err
			}
			weak = append(weak, spots...)
		}
	}
	if at.AdminURL != "" {
		spots, err := repo.NewAdmin(at.AdminURL, at.Names).Weak(ctx)
		if err != nil {
			return err
		}
		weak = append(weak, spots...)
	} else {
		p.say("accounts were not looked at: that takes CRM_DATABASE_ADMIN_URL")
	}
	for _, spot := range weak {
		if err := shell.Say(os.Stdout, spot); err != nil {
			return commands.Unwritten(err)
		}
	}
	if len(weak) == 0 {
		p.say("nothing weak was found")
	}
	return operator.WeakSpots(len(weak))
}
