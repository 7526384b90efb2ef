// Crm is a shell in which an event company runs its business on PostgreSQL.
//
// This file wires: flags and config, the database (a given one or a private one), the clock, Sentry, and
// the conversation. See README.md.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	_ "time/tzdata" // the company's time zone, also where the system has no zones

	"github.com/adrg/xdg"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cast"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"golang.org/x/term"
	"golang.org/x/text/currency"
	"golang.org/x/text/language"

	"crm/commands"
	"crm/repo"
	"crm/repo/embedded"
	"crm/security"
	"crm/seed"
	"crm/shell"
)

const version = "0.1.0"

//go:embed schema.sql
var schemaSQL string

// An option is one key of the config: in the file as it is, in the environment as CRM_ and capitals
// with _ for the dot, and, where flag is set, on the command line.
type option struct {
	key, flag string
	value     any // the default; its type is the option's
	help      string
}

var options = []option{
	{"database.url", "", "", "where the database is: postgres://crm_app:PASSWORD@HOST:5432/crm; empty: a private server on this machine"},
	{"database.admin_url", "", "", "an administrator's account, for crm init and crm seed only; better in CRM_DATABASE_ADMIN_URL than here"},
	{"database.sslmode", "", "", "disable, allow, prefer, require, verify-ca or verify-full; empty: what the URL says"},
	{"database.sslrootcert", "", "", "the file of the certificate authority, for verify-ca and verify-full"},
	{"database.name", "", "crm", "the database, if the URL does not name it"},
	{"database.schema", "", "crm", "the schema that holds crm's tables"},
	{"database.owner", "", "crm_owner", "the role that owns them and cannot log in"},
	{"database.app", "", "crm_app", "the role that crm connects as, if the URL does not name it"},
	{"database.connect_timeout", "", 10 * time.Second, "how long to wait for a connection"},
	{"embedded.dir", "", "", "where the private server lives; empty: crm/server in the user's data directory"},
	{"embedded.bin_dir", "", "", "PostgreSQL's programs for the private server; empty: searched"},
	{"encryption.keyset_file", "", "", "the key of sealed customer data; empty: keyset.json beside the config. CRM_KEYSET may hold its content"},
	{"session.lifetime", "", 12 * time.Hour, "how long a sign-in lasts; crm init tells the database"},
	{"session.token", "", 10 * time.Minute, "how long an access token lasts; renewed by itself"},
	{"password.memory_mib", "", 64, "argon2id: memory for a new password, in MiB"},
	{"password.iterations", "", 3, "argon2id: passes over it"},
	{"password.parallelism", "", 4, "argon2id: lanes"},
	{"locale.time_zone", "", "Europe/Paris", "how times are read and written"},
	{"locale.region", "", "FR", "the country of phone numbers without a country code"},
	{"locale.currency", "", "EUR", "of all amounts (ISO 4217)"},
	{"locale.language", "", "fr", "the signs in amounts (BCP 47)"},
	{"history.file", "", "", "where the prompt's history is kept; empty: crm/history in the user's state directory"},
	{"history.size", "", 1000, "lines of history; 0 keeps none"},
	{"sentry.dsn", "", "", "the Sentry project that errors and events go to; empty: none"},
	{"sentry.environment", "", "production", "the environment that Sentry shows"},
	{"format", "format", "table", "how answers are written: table, vertical, json, csv, tsv or markdown"},
	{"color", "color", "auto", "when answers are coloured: auto, always or never"},
	{"limit", "", 50, "rows of a list"},
	{"login", "login", "", "sign in with this email first"},
	{"password_file", "password-file", "", "read the password from this file"},
	{"keep_going", "keep-going", false, "a script runs on after an error"},
	{"atomic", "atomic", false, "a script is done as a whole or not at all"},
	{"yes", "yes", false, "destructive commands do not ask"},
	{"quiet", "quiet", false, "data, warnings and errors only"},
}

func main() {
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is an error of the write: the private server is left in order
	os.Exit(run(os.Args[1:]))
}

// run is the program; it returns the exit status.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	p := program{Viper: viper.New(), flags: pflag.NewFlagSet("crm", pflag.ContinueOnError)}
	err := p.start(ctx, args)
	for i := range p.closers {
		p.closers[len(p.closers)-1-i]()
	}
	if s := p.signal.Load(); s > 0 {
		return 128 + int(s)
	}
	if err == nil || errors.Is(err, pflag.ErrHelp) || errors.Is(err, syscall.EPIPE) {
		return 0
	}
	if !p.conversed {
		text, hint := commands.Describe(err)
		if !commands.Readable(err) { // nothing that a user typed is in it yet
			text = err.Error()
		}
		fmt.Fprintln(os.Stderr, "error: "+text)
		if hint != "" {
			fmt.Fprintln(os.Stderr, "hint: "+hint)
		}
	}
	return commands.ExitStatus(err)
}

// program is one run of crm.
type program struct {
	*viper.Viper
	flags      *pflag.FlagSet
	configFile string
	conversed  bool // errors are printed already
	closers    []func()
	signal     atomic.Int32
	cipher     *security.Cipher
}

// later runs f at the end, last come first served.
func (p *program) later(f func()) { p.closers = append(p.closers, f) }

func (p *program) start(ctx context.Context, args []string) error {
	if err := p.parse(args); err != nil {
		return err
	}
	if show, _ := p.flags.GetBool("version"); show {
		fmt.Println("crm " + version)
		return nil
	}
	if err := p.configure(); err != nil {
		return err
	}
	switch words := p.flags.Args(); {
	case len(words) == 0:
		return p.converse(ctx)
	case len(words) == 1 && words[0] == "init":
		return p.init(ctx)
	case len(words) == 1 && words[0] == "seed":
		return p.seed(ctx)
	default:
		return usage("unknown command %q: crm opens the prompt, crm init and crm seed set it up, crm -c \"COMMAND\" runs one command", strings.Join(words, " "))
	}
}

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{commands.ErrUsage}, args...)...)
}

func (p *program) parse(args []string) error {
	f := p.flags
	f.SortFlags = false
	f.SetOutput(io.Discard)
	f.StringVar(&p.configFile, "config", "", "the config file (default config.yaml in crm's config directory)")
	f.Bool("demo", false, "a private, throw-away PostgreSQL with fictional data")
	f.StringArrayP("command", "c", nil, "run this command and leave; may be repeated")
	f.StringP("file", "f", "", "run the commands of this file and leave")
	for _, o := range options {
		switch value := o.value.(type) {
		case string:
			if o.flag != "" {
				f.String(o.flag, value, o.help)
			}
		case bool:
			f.Bool(o.flag, value, o.help)
		}
	}
	f.Bool("version", false, "print the version and leave")
	f.String("admin-email", "", "crm init: the first administrator's email")
	f.String("admin-first-name", "", "crm init: their first name")
	f.String("admin-last-name", "", "crm init: their last name")
	f.Int("customers", seed.DefaultCustomers, "crm seed: how many customers")
	f.Int("contracts", seed.DefaultContracts, "crm seed: how many contracts")
	f.Int("events", seed.DefaultEvents, "crm seed: how many events")
	f.Bool("purge", false, "crm seed: take all fictional data out again")
	err := f.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Print("crm: customers, contracts and events at a prompt\n\n  crm [FLAGS]         the prompt, or a script from stdin\n  crm init [FLAGS]    create database, schema, roles and the first administrator\n  crm seed [FLAGS]    add fictional data, or --purge it\n\n" + f.FlagUsages())
		return err
	}
	if err != nil {
		return usage("%v", err)
	}
	return nil
}

// configure reads file, environment and flags, each over the one before, and checks every value.
func (p *program) configure() error {
	p.SetEnvPrefix("crm")
	p.SetEnvKeyReplacer(strings.NewReplacer(".", "_"))
	p.AutomaticEnv()
	for _, o := range options {
		p.SetDefault(o.key, o.value)
		if flag := p.flags.Lookup(o.flag); flag != nil {
			_ = p.BindPFlag(o.key, flag)
		}
	}
	known := p.AllKeys()
	if err := p.readFile(); err != nil {
		return err
	}
	for _, key := range p.AllKeys() {
		if !slices.Contains(known, key) {
			return usage("%s: unknown key %s", p.configFile, key)
		}
	}
	for _, o := range options {
		if err := p.check(o); err != nil {
			return usage("config: %s: %v", o.key, err)
		}
	}
	return nil
}

// readFile reads the config file; one that was not asked for may be missing.
func (p *program) readFile() error {
	asked := p.configFile
	if asked == "" {
		asked = os.Getenv("CRM_CONFIG")
	}
	p.configFile = asked
	if asked == "" {
		p.configFile = filepath.Join(xdg.ConfigHome, "crm", "config.yaml")
	}
	p.SetConfigFile(p.configFile)
	p.SetConfigType("yaml")
	err := p.ReadInConfig()
	if errors.Is(err, fs.ErrNotExist) && asked == "" {
		return nil
	}
	var parse viper.ConfigParseError
	if errors.As(err, &parse) {
		return usage("%s is not YAML: see config.yaml.example", p.configFile)
	}
	if err != nil {
		return usage("the config file cannot be read: %v", err)
	}
	return nil
}

// check refuses a value that is not of the option's type or not possible.
func (p *program) check(o option) (err error) {
	value := p.Get(o.key)
	switch o.value.(type) {
	case time.Duration:
		var d time.Duration
		if d, err = cast.ToDurationE(value); err != nil || d <= 0 {
			err = fmt.Errorf("want a time like 10m or 12h, not %q", cast.ToString(value))
		}
		return err
	case int:
		var n int
		if n, err = cast.ToIntE(value); err != nil || n < 0 || n > 1_000_000 {
			err = fmt.Errorf("want a whole number, not %q", cast.ToString(value))
		}
		return err
	case bool:
		if _, err = cast.ToBoolE(value); err != nil {
			err = fmt.Errorf("want true or false, not %q", cast.ToString(value))
		}
		return err
	}
	text, err := cast.ToStringE(value)
	if err != nil {
		return errors.New("want a text")
	}
	switch o.key {
	case "format":
		_, err = commands.Format.Parse(nil, text)
	case "color":
		_, err = commands.Color.Parse(nil, text)
	case "locale.time_zone":
		if _, err = time.LoadLocation(text); err != nil {
			err = fmt.Errorf("there is no time zone %q: want one like Europe/Paris", text)
		}
	case "locale.currency":
		if _, err = currency.ParseISO(text); err != nil {
			err = fmt.Errorf("there is no currency %q: want one like EUR", text)
		}
	case "locale.language":
		if _, err = language.Parse(text); err != nil {
			err = fmt.Errorf("there is no language %q: want one like fr", text)
		}
	case "database.sslmode":
		if modes := []string{"", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"}; !slices.Contains(modes, text) {
			err = fmt.Errorf("want %s, not %q", strings.Join(modes[1:], ", "), text)
		}
	}
	return err
}

// A place is where crm's data is for this run.
type place struct {
	appURL, adminURL string
	names            repo.Names
	keysetFile       string
	private          bool // a server of crm's own
	demo             bool
}

// locate finds the database, starting the private server where that is the one.
func (p *program) locate(ctx context.Context, create bool) (place, error) {
	at := place{
		appURL: p.withTLS(p.GetString("database.url")), adminURL: p.withTLS(p.GetString("database.admin_url")),
		names: repo.Names{
			Database: p.GetString("database.name"), Schema: p.GetString("database.schema"),
			Owner: p.GetString("database.owner"), App: p.GetString("database.app"),
		},
		keysetFile: p.GetString("encryption.keyset_file"),
	}
	at.demo, _ = p.flags.GetBool("demo")
	if at.keysetFile == "" {
		at.keysetFile = filepath.Join(filepath.Dir(p.configFile), "keyset.json")
	}
	if !at.demo && at.appURL != "" {
		conf, err := pgx.ParseConfig(at.appURL)
		if err != nil {
			return at, usage("database.url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
		}
		if conf.Database != "" {
			at.names.Database = conf.Database
		}
		at.names.App = conf.User
		return at, nil
	}
	if !at.demo && at.adminURL != "" {
		return at, nil
	}
	return p.startPrivate(ctx, at, create)
}

// startPrivate joins or starts the private server: the demo's, or the company's own.
func (p *program) startPrivate(ctx context.Context, at place, create bool) (place, error) {
	dir := p.GetString("embedded.dir")
	if dir == "" {
		dir = filepath.Join(xdg.DataHome, "crm", "server")
	}
	at.private = true
	if at.demo {
		dir = filepath.Join(xdg.DataHome, "crm", "demo")
		at.keysetFile = filepath.Join(dir, "keyset.json")
		at.names = repo.Names{Database: "crm", Schema: "crm", Owner: "crm_owner", App: "crm_app"}
	} else if _, err := os.Stat(dir); err != nil && !create {
		return at, fmt.Errorf("%w: there is no database yet: crm init makes one on this machine, or set database.url; crm --demo needs nothing", repo.ErrUnavailable)
	}
	server, err := embedded.Start(ctx, embedded.Config{Dir: dir, BinDir: p.GetString("embedded.bin_dir"), Fast: at.demo})
	if err != nil {
		return at, fmt.Errorf("%w: %w", repo.ErrUnavailable, err)
	}
	p.later(func() { _ = server.Close() })
	at.appURL, at.adminURL = server.URL(at.names.Database, at.names.App), server.URL("postgres", "")
	return at, nil
}

// withTLS puts the configured TLS mode and authority into a connection string.
func (p *program) withTLS(text string) string {
	u, err := url.Parse(text)
	if text == "" || err != nil || u.Scheme == "" {
		return text
	}
	q := u.Query()
	for _, name := range []string{"sslmode", "sslrootcert"} {
		if value := p.GetString("database." + name); value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// loadCipher reads the key of the sealed columns.
func (p *program) loadCipher(at place) error {
	keys := []byte(os.Getenv("CRM_KEYSET"))
	if len(keys) == 0 || at.demo {
		var err error
		if keys, err = security.ReadKeysetFile(at.keysetFile); errors.Is(err, fs.ErrNotExist) {
			return usage("there is no keyset %s: crm init makes it with the database; on another machine, copy it there or set CRM_KEYSET", at.keysetFile)
		} else if err != nil {
			return usage("%v", err)
		}
	}
	cipher, err := security.LoadCipher(keys)
	if err != nil {
		return usage("%v", err)
	}
	p.cipher = cipher
	return nil
}

// open prepares the connection of the app role.
func (p *program) open(at place) (*repo.DB, error) {
	if err := p.loadCipher(at); err != nil {
		return nil, err
	}
	db, err := repo.Open(repo.Config{
		URL: at.appURL, Schema: at.names.Schema, ConnectTimeout: p.GetDuration("database.connect_timeout"),
		Vault: repo.Vault{Seal: p.cipher.Seal, Open: p.cipher.Open},
	})
	if err == nil {
		p.later(db.Close)
	}
	return db, err
}

func (p *program) passwordCost() security.Params {
	return security.Params{
		Memory: uint32(p.GetInt("password.memory_mib")) * 1024, Iterations: uint32(p.GetInt("password.iterations")),
		Parallelism: uint8(min(p.GetInt("password.parallelism"), 255)),
	}
}

func (p *program) zone() *time.Location {
	zone, err := time.LoadLocation(p.GetString("locale.time_zone"))
	if err != nil { // checked by configure
		return time.UTC
	}
	return zone
}

func (p *program) secrets() shell.Secrets {
	return shell.Secrets{File: p.GetString("password_file"), Value: os.Getenv("CRM_PASSWORD"), TTY: func() (*os.File, error) {
		return os.OpenFile("/dev/tty", os.O_RDWR, 0)
	}}
}

// converse is the prompt or a script.
func (p *program) converse(ctx context.Context) error {
	if p.GetBool("atomic") && p.GetBool("keep_going") {
		return usage("--atomic and --keep-going exclude each other")
	}
	scripts, closeScripts, err := p.scripts()
	if err != nil {
		return err
	}
	defer closeScripts()
	at, err := p.locate(ctx, false)
	if err != nil {
		return err
	}
	if at.demo {
		if err := p.fillDemo(ctx, at); err != nil {
			return err
		}
	}
	if at.appURL == "" {
		return usage("database.url is not set: crm init writes it")
	}
	db, err := p.open(at)
	if err != nil {
		return err
	}
	sh, err := p.shell(db)
	if err != nil {
		return err
	}
	p.conversed = true
	if email := p.GetString("login"); email != "" {
		err := sh.Run(ctx, shell.Script{Text: strings.NewReader("login " + commands.Quote(email))})
		if err != nil && scripts != nil {
			return err
		}
	}
	if scripts != nil {
		return sh.Run(ctx, scripts...)
	}
	return p.prompt(ctx, sh, at)
}

// scripts are what -c and -f give, or stdin if it is no terminal; nil means the prompt.
func (p *program) scripts() (scripts []shell.Script, done func(), err error) {
	done = func() {}
	given, _ := p.flags.GetStringArray("command")
	for _, c := range given {
		scripts = append(scripts, shell.Script{Text: strings.NewReader(c)})
	}
	if file, _ := p.flags.GetString("file"); file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, done, usage("the script cannot be read: %v", err)
		}
		return append(scripts, shell.Script{Name: filepath.Base(file), Text: f}), func() { _ = f.Close() }, nil
	}
	if scripts == nil && !term.IsTerminal(int(os.Stdin.Fd())) {
		scripts = []shell.Script{{Name: "stdin", Text: os.Stdin}}
	}
	return scripts, done, nil
}

func (p *program) shell(db *repo.DB) (*shell.Shell, error) {
	state := filepath.Join(xdg.StateHome, "crm")
	log := &lazyLog{path: filepath.Join(state, "crm.log")}
	reporter, err := shell.NewReporter(p.GetString("sentry.dsn"), p.GetString("sentry.environment"), "crm@"+version, log)
	if err != nil {
		return nil, usage("%v", err)
	}
	p.later(func() { reporter.Close(500 * time.Millisecond) })
	out := int(os.Stdout.Fd())
	sh := &shell.Shell{
		Session: &commands.Session{
			DB:       db,
			Settings: &commands.Settings{Format: p.GetString("format"), Color: p.GetString("color"), Limit: p.GetInt("limit")},
			Locale: commands.Locale{
				Zone: p.zone(), Region: p.GetString("locale.region"), Currency: p.GetString("locale.currency"),
				Language: p.GetString("locale.language"), Now: time.Now,
			},
			Table: commands.All(),
			Terms: commands.Terms{TokenLifetime: p.GetDuration("session.token"), SessionLifetime: p.GetDuration("session.lifetime"), Password: p.passwordCost()},
		},
		Data: os.Stdout, Words: os.Stderr, Secrets: p.secrets(), Reporter: reporter,
		Screen: shell.Screen{
			Terminal: term.IsTerminal(out),
			Color:    term.IsTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
			Width: func() int {
				width, _, err := term.GetSize(out)
				if err != nil || width <= 0 {
					return 80
				}
				return width
			},
		},
		Yes: p.GetBool("yes"), Quiet: p.GetBool("quiet"), KeepGoing: p.GetBool("keep_going"), Atomic: p.GetBool("atomic"),
	}
	sh.Attach()
	return sh, nil
}

// prompt is the conversation with a person.
func (p *program) prompt(ctx context.Context, sh *shell.Shell, at place) error {
	fmt.Fprintf(os.Stderr, "crm %s · %s\n", version, sh.Session.DB.Server())
	if at.demo && sh.Session.Me == nil {
		fmt.Fprintf(os.Stderr, "fictional data; sign in with: login sales1@epic.example (password %s)\n", seed.DemoPassword)
	}
	fmt.Fprintln(os.Stderr, `"help" says what can be said, Tab completes, Ctrl-D leaves`)
	if !shell.IsTerminal(os.Stdin, os.Stdout) {
		return sh.ConversePlainly(ctx, os.Stdin)
	}
	file := p.GetString("history.file")
	if file == "" {
		file = filepath.Join(xdg.StateHome, "crm", "history")
	}
	history, err := shell.OpenHistory(file, p.GetInt("history.size"), nil)
	if err != nil {
		fmt.Fprintf(os.Stderr, "warning: %v\n", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // Ctrl-C is the command's or the line's
	defer cancel()
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	return sh.Converse(ctx, shell.Terminal{
		In: os.Stdin, Out: os.Stdout, History: history, Editor: editor, Color: sh.Screen.Color,
		OnSignal: func(s os.Signal) {
			if n, ok := s.(syscall.Signal); ok {
				p.signal.Store(int32(n))
			}
			cancel()
		},
	})
}

// lazyLog makes the log file when there is something to write.
type lazyLog struct{ path string }

func (l *lazyLog) Write(b []byte) (int, error) {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Write(b)
}

// init is `crm init`: database, schema, roles, keyset and the first administrator (S1).
func (p *program) init(ctx context.Context) error {
	at, err := p.locate(ctx, true)
	if err != nil {
		return err
	}
	if at.demo {
		return usage("crm --demo sets itself up: crm init is for the company's own database")
	}
	if at.adminURL == "" {
		return usage("database.admin_url is not set: crm init acts through an administrator's account of the server, best given as CRM_DATABASE_ADMIN_URL")
	}
	newURL := ""
	if at.appURL == "" {
		if newURL, err = p.inventURL(at); err != nil {
			return err
		}
		at.appURL = newURL
	}
	app, err := pgx.ParseConfig(at.appURL)
	if err != nil {
		return usage("database.url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	setup := commands.Setup{
		Admin: repo.NewAdmin(at.adminURL, at.names), SchemaSQL: schemaSQL, AppPassword: app.Password,
		SessionLifetime: p.GetDuration("session.lifetime").String(), Cost: p.passwordCost(),
		First: p.firstAdmin, Secret: p.secrets().Read,
	}
	if os.Getenv("CRM_KEYSET") == "" {
		setup.KeysetFile = at.keysetFile
	}
	var made []string
	err = setup.Admin.Alone(ctx, func() error {
		made, err = setup.Run(ctx)
		return err
	})
	for _, m := range made {
		fmt.Fprintln(os.Stderr, "made "+m)
	}
	if err == nil && newURL != "" {
		err = p.writeConfig(newURL)
	}
	if err == nil && len(made) == 0 {
		fmt.Fprintln(os.Stderr, "nothing to do: everything is there")
	}
	return err
}

// inventURL is a connection string of the app role on the administrator's server, with a new password.
func (p *program) inventURL(at place) (string, error) {
	if _, err := os.Stat(p.configFile); err == nil {
		return "", usage("database.url is missing in %s: write it there, crm init makes the role, the password and the database that it names", p.configFile)
	}
	u, err := url.Parse(at.adminURL)
	if err != nil || u.Scheme == "" {
		return "", usage("database.admin_url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	u.User, u.Path = url.UserPassword(at.names.App, rand.Text()), "/"+at.names.Database
	return u.String(), nil
}

// writeConfig makes a config file that holds the connection string.
func (p *program) writeConfig(databaseURL string) error {
	if err := os.MkdirAll(filepath.Dir(p.configFile), 0o700); err != nil {
		return usage("the config file cannot be written: %v", err)
	}
	text := "# crm's config; see config.yaml.example for every key.\ndatabase:\n  url: \"" + databaseURL + "\"\n"
	if err := os.WriteFile(p.configFile, []byte(text), 0o600); err != nil {
		return usage("the config file cannot be written: %v", err)
	}
	fmt.Fprintln(os.Stderr, "made config "+p.configFile)
	return nil
}

// firstAdmin takes the first administrator from the flags, and asks for what they leave out.
func (p *program) firstAdmin() (repo.User, error) {
	var u repo.User
	for _, f := range []struct {
		flag, question string
		text           *string
	}{
		{"admin-email", "email of the first administrator: ", &u.Email},
		{"admin-first-name", "first name: ", &u.FirstName},
		{"admin-last-name", "last name: ", &u.LastName},
	} {
		if *f.text, _ = p.flags.GetString(f.flag); *f.text != "" {
			continue
		}
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			return u, usage("--%s is needed: there is no terminal to ask at", f.flag)
		}
		fmt.Fprint(os.Stderr, f.question)
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil {
			return u, context.Canceled
		}
		*f.text = strings.TrimSpace(line)
	}
	return u, nil
}

// seedConfig is what the flags of `crm seed` ask for.
func (p *program) seedConfig() seed.Config {
	c := seed.Config{Now: time.Now(), Zone: p.zone(), Seed: 1, Params: p.passwordCost()}
	c.Customers, _ = p.flags.GetInt("customers")
	c.Contracts, _ = p.flags.GetInt("contracts")
	c.Events, _ = p.flags.GetInt("events")
	return c
}

// seed is `crm seed` and `crm seed --purge` (S2).
func (p *program) seed(ctx context.Context) error {
	at, err := p.locate(ctx, false)
	if err != nil {
		return err
	}
	if at.demo || at.adminURL == "" {
		return usage("crm seed acts through an administrator's account: set CRM_DATABASE_ADMIN_URL")
	}
	admin := repo.NewAdmin(at.adminURL, at.names)
	if purge, _ := p.flags.GetBool("purge"); purge {
		gone, err := admin.Purge(ctx)
		if err == nil {
			fmt.Fprintln(os.Stderr, gone)
		}
		return err
	}
	db, err := p.open(at)
	if err != nil {
		return err
	}
	c := p.seedConfig()
	if password := p.secrets(); password.File != "" || password.Value != "" {
		if c.Password, err = password.Read(ctx, commands.SecretRequest{Question: "password", Env: true}); err != nil {
			return err
		}
	}
	made, err := seed.Fill(ctx, admin, db, c, nil)
	if err == nil {
		fmt.Fprintln(os.Stderr, made)
	}
	return err
}

// fillDemo makes the demo's database if it is not there as a whole.
func (p *program) fillDemo(ctx context.Context, at place) error {
	admin := repo.NewAdmin(at.adminURL, at.names)
	return admin.Alone(ctx, func() error {
		const done = "demo_filled"
		if there, err := admin.HasSchema(ctx); err == nil && there {
			if filled, err := admin.Noted(ctx, done); filled || err != nil {
				return err
			}
		}
		fmt.Fprintln(os.Stderr, "making a demo database …")
		if err := admin.DropDatabase(ctx); err != nil {
			return err
		}
		if err := security.WriteKeyset(at.keysetFile); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if _, err := admin.Setup(ctx, schemaSQL, ""); err != nil {
			return err
		}
		db, err := p.open(at)
		if err != nil {
			return err
		}
		c := p.seedConfig()
		c.Demo = true
		if _, err := seed.Fill(ctx, admin, db, c, nil); err != nil {
			return err
		}
		return admin.Note(ctx, done)
	})
}
