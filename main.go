// Crm is a shell in which an event company runs its business on PostgreSQL.
//
// This file wires: flags and config, the database (a given one or a private one), the clock, Sentry, and
// the conversation. See README.md.
package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "time/tzdata" // the company's time zone, also where the system has no zones

	"github.com/adrg/xdg"
	"github.com/spf13/viper"

	"crm/commands"
	"crm/commands/config"
	"crm/commands/operator"
	"crm/repo"
	"crm/repo/place"
	"crm/security"
	"crm/seed"
	"crm/shell"
)

const version = "0.3.0"

//go:embed schema.sql
var schemaSQL string

func main() {
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is an error of the write: the private server is left in order
	os.Exit(run(os.Args[1:]))
}

// run is the program; it returns the exit status.
func run(args []string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	go func() { cancel(signalled{<-signals}) }()
	p := program{Viper: viper.New()}
	err := p.start(ctx, args)
	status := commands.ExitStatus(err)
	var by signalled
	if status == commands.StatusInterrupted && errors.As(context.Cause(ctx), &by) {
		p.ended, _ = by.signal.(syscall.Signal)
	}
	if errors.Is(err, syscall.EPIPE) { // whoever read the answers has seen enough
		status = 0
	} else if err != nil && !p.conversed {
		p.tell(err)
	}
	for _, end := range slices.Backward(p.closers) {
		end()
	}
	if p.ended != 0 {
		return 128 + int(p.ended)
	}
	return status
}

// signalled is the cause of a context that a signal cancels. It is a [context.Canceled], so that a function may return
// context.Cause as well as ctx.Err.
type signalled struct{ signal os.Signal }

func (s signalled) Error() string { return s.signal.String() }

// Is makes errors.Is(err, context.Canceled) true.
func (s signalled) Is(target error) bool { return target == context.Canceled }

// tell prints an error that came before the conversation, as the conversation does.
func (p *program) tell(err error) {
	text, hint := commands.Describe(err)
	if !commands.Readable(err) && p.reporter != nil {
		text = fmt.Sprintf("internal error (reference %s)", p.reporter.Failure(0, err))
	}
	_ = shell.Say(os.Stderr, "error: "+text)
	if hint != "" {
		_ = shell.Say(os.Stderr, "hint: "+hint)
	}
}

// program is one run of crm.
type program struct {
	*viper.Viper
	line       config.Line
	configFile string
	demo       bool
	reporter   *shell.Reporter
	conversed  bool           // errors are printed already
	warned     []string       // files that are open to others
	ended      syscall.Signal // that ended the conversation
	closers    []func()       // called at the end, last come first served
}

func (p *program) start(ctx context.Context, args []string) error {
	var err error
	if p.line, err = config.Parse(args); err != nil {
		return err
	}
	switch {
	case p.line.Help:
		_, err := fmt.Print(p.line.Usage())
		return commands.Unwritten(err)
	case p.line.Is("version"):
		_, err := fmt.Println("crm " + version)
		return commands.Unwritten(err)
	}
	p.demo = p.line.Is("demo")
	if err := p.configure(); err != nil {
		return err
	}
	log := shell.LogFile(filepath.Join(xdg.StateHome, "crm", "crm.log"))
	p.reporter, err = shell.NewReporter(p.GetString("sentry.dsn"), p.GetString("sentry.environment"), "crm@"+version, log)
	if err != nil {
		return usage("sentry.dsn cannot be read: %v", err)
	}
	p.closers = append(p.closers, func() { p.reporter.Close(2 * time.Second) })
	return map[string]func(context.Context) error{
		"": p.converse, "init": p.init, "upgrade": p.upgrade, "backup": p.backup, "restore": p.restore, "seed": p.seed, "rotate-keys": p.rotateKeys,
		"keyset list": p.keyset, "keyset import": p.keyset, "keyset fingerprint": p.keyset, "verify-audit": p.verifyAudit, "config check": p.checkConfig,
	}[p.line.Command](ctx)
}

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{commands.ErrUsage}, args...)...)
}

// configure reads file, environment and flags, each over the one before, and checks every key and value.
func (p *program) configure() error {
	if name := config.UnknownVariable(os.Environ()); name != "" {
		return usage("the environment sets %s, which is no key of crm's config: see config.yaml.example", name)
	}
	for _, o := range config.Options() {
		p.SetDefault(o.Key, o.Default)
		_ = p.BindEnv(o.Key, o.Env())
		if flag := p.line.Lookup(o.Flag); flag != nil {
			_ = p.BindPFlag(o.Key, flag)
		}
	}
	keys := p.AllKeys()
	if err := p.readFile(); err != nil {
		return err
	}
	for _, key := range p.AllKeys() {
		if !slices.Contains(keys, key) {
			return usage("%s: unknown key %s: see config.yaml.example", p.configFile, key)
		}
	}
	for _, o := range config.Options() {
		if err := o.Check(p.Get(o.Key)); err != nil {
			return usage("%s: %w", p.source(o), err)
		}
	}
	if err := p.passwordCost().Check(); err != nil {
		return usage("password.memory_mib and password.iterations: %w", err)
	}
	return nil
}

// readFile reads the config file; one that was not asked for may be missing, and crm init makes it.
func (p *program) readFile() error {
	asked := cmp.Or(p.line.Text("config"), os.Getenv("CRM_CONFIG"))
	p.configFile = cmp.Or(asked, filepath.Join(xdg.ConfigHome, "crm", "config.yaml"))
	p.SetConfigFile(p.configFile)
	p.SetConfigType("yaml")
	content, err := os.ReadFile(p.configFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && (asked == "" || p.line.Command == "init" || p.line.Command == "restore"):
		return nil
	case errors.Is(err, fs.ErrPermission) && asked == "":
		return usage("the config file cannot be read: %w: set HOME or XDG_CONFIG_HOME to a directory of yours", err)
	case err != nil:
		return usage("the config file cannot be read: %w", err)
	}
	if err := config.CheckYAML(content); err != nil {
		return usage("%s %w: see config.yaml.example", p.configFile, err)
	}
	if err := p.ReadConfig(bytes.NewReader(content)); err != nil {
		return usage("%s is not YAML: see config.yaml.example", p.configFile)
	}
	if p.InConfig("database.url") || p.InConfig("database.admin_url") {
		p.warnOpen(p.configFile)
	}
	return nil
}

// warnOpen warns once of a file that may hold a password and that others than its owner can reach.
func (p *program) warnOpen(file string) { p.warnReadable(file, "may hold a password") }

func (p *program) warnReadable(file, holds string) {
	if !config.OpenToOthers(file) || slices.Contains(p.warned, file) {
		return
	}
	p.warned = append(p.warned, file)
	_ = shell.Say(os.Stderr, fmt.Sprintf("warning: %[1]s %[2]s and is open to others: chmod 600 %[1]s", file, holds))
}

// source is where the value of an option comes from.
func (p *program) source(o config.Option) string {
	if o.Flag != "" && p.line.Changed(o.Flag) {
		return "--" + o.Flag
	}
	if os.Getenv(o.Env()) != "" {
		return o.Env()
	}
	return p.configFile + ": " + o.Key
}

// sourceOf is where the value of a key that is no flag comes from.
func (p *program) sourceOf(key string) place.Source {
	switch {
	case os.Getenv(config.Option{Key: key}.Env()) != "":
		return place.Environment
	case p.InConfig(key):
		return place.File
	}
	return place.Default
}

// locate finds the database, starting the private server where that is the one.
func (p *program) locate(ctx context.Context) (place.Place, error) {
	dir := p.GetString("embedded.dir")
	if p.demo || dir == "" {
		dir = filepath.Join(xdg.DataHome, "crm", map[bool]string{true: "demo", false: "server"}[p.demo])
	}
	at, err := place.Find(ctx, place.Config{
		URL: p.GetString("database.url"), AdminURL: p.GetString("database.admin_url"),
		SSLMode: p.GetString("database.sslmode"), SSLRootCert: p.GetString("database.sslrootcert"),
		SSLCert: p.GetString("database.sslcert"), SSLKey: p.GetString("database.sslkey"),
		ConnectTimeout: p.GetDuration("database.connect_timeout"),
		Names: repo.Names{
			Database: p.GetString("database.name"), Schema: p.GetString("database.schema"),
			Owner: p.GetString("database.owner"), App: p.GetString("database.app"),
		},
		From: p.sourceOf,
		Dir:  dir, BinDir: p.GetString("embedded.bin_dir"), Demo: p.demo, Create: p.line.Command == "init" || p.line.Command == "restore",
	})
	if errors.Is(err, place.ErrConfig) {
		err = usage("%w", err)
	}
	p.closers = append(p.closers, at.Close)
	if err == nil && at.Private() && p.line.Command != "upgrade" {
		err = p.upgrader(at).Private(ctx, at.Dump)
	}
	return at, err
}

// upgrade is `crm upgrade`.
func (p *program) upgrade(ctx context.Context) error {
	at, _, err := p.admin(ctx)
	if err != nil {
		return err
	}
	return p.upgrader(at).Run(ctx, p.line.Is("dry-run"))
}

func (p *program) upgrader(at place.Place) operator.Upgrade {
	return operator.Upgrade{Admin: repo.NewAdmin(at.AdminURL, at.Names), SchemaSQL: schemaSQL, Say: p.say}
}

func (p *program) keysetFile() string {
	switch file := p.GetString("encryption.keyset_file"); {
	case p.demo:
		return filepath.Join(xdg.DataHome, "crm", "demo", "keyset.json")
	case file != "":
		return file
	}
	return filepath.Join(filepath.Dir(p.configFile), "keyset.json")
}

// open prepares the connection of the app role, with the key of the sealed columns.
func (p *program) open(at place.Place) (*repo.DB, error) {
	if at.URL == "" {
		return nil, usage("database.url is not set: crm init writes it")
	}
	if !p.demo {
		home, _ := os.UserHomeDir()
		p.warnOpen(cmp.Or(os.Getenv("PGPASSFILE"), filepath.Join(home, ".pgpass")))
	}
	keys := []byte(os.Getenv("CRM_KEYSET"))
	if p.demo {
		keys = nil // it has its own
	}
	vault, err := commands.Unseal(keys, p.keysetFile())
	if err != nil {
		return nil, err
	}
	newer := func() { p.say("the database is of a newer crm, which still serves this one: install it when you can") }
	return repo.Open(repo.Config{URL: at.URL, Schema: at.Names.Schema, ConnectTimeout: p.GetDuration("database.connect_timeout"), QueryTimeout: p.GetDuration("database.query_timeout"), Vault: vault, Newer: newer, Revive: at.Revive, Away: func() {
		fmt.Fprintln(os.Stderr, "the database is away: trying again for a while, Ctrl-C gives up")
	}})
}

func (p *program) passwordCost() security.Params {
	return security.Params{
		Memory: uint32(p.GetInt("password.memory_mib")) * 1024, Iterations: uint32(p.GetInt("password.iterations")),
		Parallelism: uint8(p.GetInt("password.parallelism")),
	}
}

func (p *program) zone() *time.Location {
	zone, _ := time.LoadLocation(p.GetString("locale.time_zone")) // checked by configure
	return zone
}

func (p *program) secrets() shell.Secrets {
	return shell.Secrets{File: p.GetString("password_file"), Value: os.Getenv("CRM_PASSWORD"), Code: os.Getenv("CRM_CODE"), TTY: shell.OpenTTY, Open: p.warnOpen}
}

// converse is the prompt or a script.
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
	if email := p.GetString("login"); email != "" {
		err := sh.Run(ctx, shell.Script{Text: strings.NewReader("login --format table -- " + commands.Quote(email))}) // no record: it is nobody's answer
		if err != nil && scripts != nil {
			return err
		}
	}
	if id := p.line.Text("run-id"); id != "" {
		if scripts == nil {
			return usage("--run-id names the run of a script: give one with -c, -f or on stdin")
		}
		db.Resume(id)
	}
	if scripts != nil {
		return sh.Run(ctx, scripts...)
	}
	p.ended, err = sh.Meet(ctx, os.Stdin, os.Stdout, p.welcome(sh))
	return err
}

func (p *program) shell(db *repo.DB) *shell.Shell {
	sh := &shell.Shell{
		Session: &commands.Session{
			DB:       db,
			Settings: &commands.Settings{Format: p.GetString("format"), Color: p.GetString("color"), Limit: p.GetInt("limit")},
			Locale: commands.Locale{
				Zone: p.zone(), Region: p.GetString("locale.region"), Currency: p.GetString("locale.currency"),
				Language: p.GetString("locale.language"), Now: time.Now,
			},
			Device: p.device(),
			Table:  commands.All(), Aliases: commands.OpenAliases(filepath.Join(xdg.ConfigHome, "crm", "aliases")),
			Terms: commands.Terms{TokenLifetime: p.GetDuration("session.token"), SessionLifetime: p.GetDuration("session.lifetime"), Password: p.passwordCost()},
		},
		Data: os.Stdout, Words: os.Stderr, Secrets: p.secrets(), Reporter: p.reporter, Screen: shell.ScreenOf(os.Stdout),
		Idle: p.GetDuration("session.idle"), Yes: p.GetBool("yes"), Quiet: p.GetBool("quiet"), KeepGoing: p.GetBool("keep_going"), Atomic: p.GetBool("atomic"),
	}
	sh.Attach()
	return sh
}

// device is the device that the user sits at; without its file, sign-ins are those of an unknown device.
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
		w.Words = append(w.Words, "fictional data; sign in with: login sales1@epic.example (password "+seed.DemoPassword+")")
	}
	w.Words = append(w.Words, `"help" says what can be said, Tab completes, Ctrl-D leaves`)
	return w
}

// init is `crm init`: database, schema, roles, keyset and the first administrator (S1).
func (p *program) init(ctx context.Context) error {
	at, err := p.locate(ctx)
	if err != nil {
		return err
	}
	setup, err := p.setup(&at)
	if err != nil {
		return err
	}
	return setup.Run(ctx)
}

// setup prepares what crm init and crm restore do to the config and the server.
func (p *program) setup(at *place.Place) (setup operator.Setup, err error) {
	if at.AdminURL == "" {
		return setup, usage("database.admin_url is not set: crm %s acts through an administrator's account of the server, best given as CRM_DATABASE_ADMIN_URL", p.line.Command)
	}
	setup = operator.Setup{
		Admin: repo.NewAdmin(at.AdminURL, at.Names), SchemaSQL: schemaSQL, KeysetFile: p.keysetFile(),
		SessionLifetime: p.GetDuration("session.lifetime"), SessionIdle: p.GetDuration("session.idle"), Cost: p.passwordCost(),
		First: repo.User{Email: p.line.Text("admin-email"), FirstName: p.line.Text("admin-first-name"), LastName: p.line.Text("admin-last-name")},
		Ask:   shell.Asker(os.Stdin, os.Stderr), Secret: p.secrets().Read, Say: p.say, Happened: p.reporter.Happened,
	}
	if keys := os.Getenv("CRM_KEYSET"); keys != "" {
		setup.KeysetFile, setup.Keys = "", []byte(keys)
		if _, err := commands.Unseal([]byte(keys), ""); err != nil {
			return setup, err
		}
	}
	if at.URL == "" {
		if _, err := os.Stat(p.configFile); err == nil {
			return setup, usage("database.url is missing in %s: write it there, crm %s makes the role, the password and the database that it names", p.configFile, p.line.Command)
		}
		if err := at.Invent(); err != nil {
			return setup, usage("%w", err)
		}
		setup.ConfigFile, setup.Config = p.configFile, p.needed(at.URL)
	}
	setup.AppURL, setup.AppPassword = at.URL, at.Password()
	return setup, nil
}

// backup is `crm backup`.
func (p *program) backup(ctx context.Context) error {
	_, admin, err := p.admin(ctx)
	if err != nil {
		return err
	}
	return operatorError(operator.Backup{
		Admin: admin, File: p.line.File, Force: p.line.Is("force"), Lock: p.lock(), Version: version, SchemaVersion: strconv.Itoa(repo.SchemaVersion),
		Program: place.Program(p.GetString("embedded.bin_dir")), Say: p.say,
	}.Run(ctx))
}

// restore is `crm restore`: database, schema and roles as crm init makes them, filled from a backup.
func (p *program) restore(ctx context.Context) error {
	source, err := operator.Open(ctx, p.line.File, p.lock()) // before the private server is made
	if err != nil {
		return operatorError(err)
	}
	defer source.Close()
	at, err := p.locate(ctx)
	if err != nil {
		return err
	}
	setup, err := p.setup(&at)
	if err != nil {
		return err
	}
	return operatorError(operator.Restore{
		Admin: setup.Admin, Names: at.Names, Source: source, SchemaVersion: strconv.Itoa(repo.SchemaVersion),
		Upgrade: func(ctx context.Context, _ string) error {
			_, err := setup.Admin.Upgrade(ctx, schemaSQL, false)
			return err
		},
		Program: place.Program(p.GetString("embedded.bin_dir")), AppPassword: setup.AppPassword, Configure: setup.Configure, Try: setup.Try,
		Keys: func() ([]uint32, error) { return operator.KeyIDs([]byte(os.Getenv("CRM_KEYSET")), p.keysetFile()) }, Say: p.say,
	}.Run(ctx))
}

// lock is how the line says that a backup is encrypted.
func (p *program) lock() operator.Lock {
	return operator.Lock{Recipients: p.line.Texts("recipient"), IdentityFile: p.line.Text("identity"), PassphraseFile: p.line.Text("passphrase-file")}
}

// operatorError has a wrong flag or file of an operator's command be an error of usage.
func operatorError(err error) error {
	if errors.Is(err, operator.ErrUsage) {
		return usage("%w", err)
	}
	return err
}

// needed is what crm must find in its config to reach the database again.
func (p *program) needed(databaseURL string) [][2]string {
	keys := [][2]string{{"database.url", databaseURL}}
	for _, o := range config.Options() {
		if slices.Contains([]string{"database.schema", "database.owner", "encryption.keyset_file"}, o.Key) && p.GetString(o.Key) != o.Default {
			keys = append(keys, [2]string{o.Key, p.GetString(o.Key)})
		}
	}
	return keys
}

// seed is `crm seed` and `crm seed --purge` (S2).
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

// say prints a message for people.
func (p *program) say(message string) {
	if !p.GetBool("quiet") {
		_ = shell.Say(os.Stderr, message)
	}
}

// fillDemo makes the demo's database if it is not there as a whole.
func (p *program) fillDemo(ctx context.Context, at place.Place) error {
	c := seed.Amounts(nil, nil, nil)
	c.Now, c.Zone, c.Seed = time.Now(), p.zone(), 1
	return seed.Demo(ctx, seed.DemoPlace{
		Admin: repo.NewAdmin(at.AdminURL, at.Names), SchemaSQL: schemaSQL, KeysetFile: p.keysetFile(),
		Open: func() (*repo.DB, error) { return p.open(at) },
	}, c, func() { p.say("making a demo database …") })
}

// rotateKeys is `crm rotate-keys`.
func (p *program) rotateKeys(ctx context.Context) error {
	if os.Getenv("CRM_KEYSET") != "" {
		return usage("crm rotate-keys writes the keyset's file: unset CRM_KEYSET, and set encryption.keyset_file if it is not in its usual place")
	}
	_, admin, err := p.admin(ctx)
	if err != nil {
		return err
	}
	show, leave := shell.Progress(os.Stderr, "sealing anew", p.GetBool("quiet"))
	r := operator.Rotation{Admin: admin, KeysetFile: p.keysetFile(), Say: p.say, Happened: p.reporter.Happened, Progress: show}
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
		p.say("what is sealed anew stays so: the same command goes on from there")
	}
	return err
}

// keyset is `crm keyset list`, `import` and `fingerprint`. Without an administrator's account it does not ask the database.
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

// admin finds the database, as an administrator may change it.
func (p *program) admin(ctx context.Context) (place.Place, *repo.Admin, error) {
	at, err := p.locate(ctx)
	if err == nil && at.AdminURL == "" {
		err = usage("crm %s acts through an administrator's account: set CRM_DATABASE_ADMIN_URL", p.line.Command)
	}
	return at, repo.NewAdmin(at.AdminURL, at.Names), err
}

// verifyAudit is `crm verify-audit`: it prints the head of the trail's chain, or fails with the first bad entry.
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
		p.say(fmt.Sprintf("not linked yet, but with the next changes: %d entries, the oldest of %s", waiting.Entries, waiting.Since.Format(time.RFC3339)))
	}
	return nil
}

// checkConfig is `crm config check`: it prints what is weak, and fails if anything is.
func (p *program) checkConfig(ctx context.Context) error {
	file := viper.New() // alone
	file.SetConfigFile(p.configFile)
	_ = file.ReadInConfig() // it was read before, or is not there
	weak := config.Weak(func(key string) config.Setting { return config.Setting{Value: p.Get(key), File: file.Get(key)} }, p.configFile, p.keysetFile())
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
