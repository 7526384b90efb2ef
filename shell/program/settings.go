package program

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/adrg/xdg"

	"crm/commands"
	"crm/commands/config"
	"crm/repo"
	"crm/repo/place"
	"crm/security"
	"crm/shell"
)

// This file reads the config and prepares the database, the keys and the secrets for commands.

// seeExample ends the refusal of a name that is like no key.
const seeExample = ": see config.yaml.example"

// configure reads file, environment and flags, in ascending precedence, and checks every key and value.
func (p *program) configure() error {
	if name := config.UnknownVariable(os.Environ()); name != "" {
		return usage("the environment sets %s, which is no key of crm's config%s", name,
			cmp.Or(commands.DidYouMean(name, config.Variables()), seeExample))
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
			return usage("%s: unknown key %s%s", p.configFile, key, cmp.Or(commands.DidYouMean(key, keys), seeExample))
		}
	}
	for _, o := range config.Options() {
		if err := o.Check(p.Get(o.Key)); err != nil {
			return usage("%s: %w", p.source(o), err)
		}
	}
	if p.passwordCost().Check() != nil {
		return usage("password.memory_mib and password.iterations: %d MiB with %s are too cheap: want at least 46 MiB "+
			"with 1 iteration or 19 MiB with 2", p.GetInt("password.memory_mib"),
			commands.Plural(int64(p.GetInt("password.iterations")), "iteration"))
	}
	return nil
}

// readFile reads the config file. The default file may be missing; crm init creates it.
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

// warnOpen warns once about a file that may contain a password and that users other than its owner can read.
func (p *program) warnOpen(file string) { p.warnReadable(file, "may hold a password") }

func (p *program) warnReadable(file, holds string) {
	if !config.OpenToOthers(file) || slices.Contains(p.warned, file) {
		return
	}
	p.warned = append(p.warned, file)
	_ = shell.Say(os.Stderr, fmt.Sprintf("warning: %[1]s %[2]s and is open to others: chmod 600 %[1]s", file, holds))
}

// source returns the origin of an option's value.
func (p *program) source(o config.Option) string {
	if o.Flag != "" && p.line.Changed(o.Flag) {
		return "--" + o.Flag
	}
	if os.Getenv(o.Env()) != "" {
		return o.Env()
	}
	return p.configFile + ": " + o.Key
}

// sourceOf returns the origin of the value of a key that is not a flag.
func (p *program) sourceOf(key string) place.Source {
	switch {
	case os.Getenv(config.Option{Key: key}.Env()) != "":
		return place.Environment
	case p.InConfig(key):
		return place.File
	}
	return place.Default
}

// locate returns the place of the database, and starts the private server if that is the place.
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
		Dir:  dir, BinDir: p.GetString("embedded.bin_dir"), Demo: p.demo,
		Create: p.line.Command == "init" || p.line.Command == "restore",
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

func (p *program) keysetFile() string {
	switch file := p.GetString("encryption.keyset_file"); {
	case p.demo:
		return filepath.Join(xdg.DataHome, "crm", "demo", "keyset.json")
	case file != "":
		return file
	}
	return filepath.Join(filepath.Dir(p.configFile), "keyset.json")
}

// open prepares the connection of the app role and the keys of the sealed columns.
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
		keys = nil // the demo has its own
	}
	vault, err := commands.Unseal(keys, p.keysetFile())
	if err != nil {
		return nil, err
	}
	newer := func() { p.say("the database is of a newer crm, which still serves this one: install it when you can") }
	return repo.Open(repo.Config{
		URL: at.URL, Schema: at.Names.Schema, ConnectTimeout: p.GetDuration("database.connect_timeout"),
		QueryTimeout: p.GetDuration("database.query_timeout"), Vault: vault, Newer: newer, Revive: at.Revive,
		Blocked: func(by []repo.Blocker) { p.say(shell.WaitsFor(by)) },
		Away: func() {
			fmt.Fprintln(os.Stderr, "the database is away: trying again for a while, Ctrl-C gives up")
		},
	})
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
	return shell.Secrets{
		File: p.GetString("password_file"), Value: os.Getenv("CRM_PASSWORD"), Code: os.Getenv("CRM_CODE"),
		TTY: shell.OpenTTY, Open: p.warnOpen,
	}
}
