package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"crm/commands"
)

// A Line is the parsed command line.
type Line struct {
	*pflag.FlagSet
	Command string   // one of Commands(), "" for the shell
	File    string   // the argument of a command that takes one
	Scripts []Script // what -c, -f and the words after the flags give, in the order of the line
	Help    bool     // only the usage is asked for
}

// A flag is one that is no option.
type flag struct {
	name, short string
	command     string // those that it is for, with | between them, "" being the conversation; or any
	value       any    // the default
	help        string
}

const (
	anyCommand = "*"
	argument   = " FILE" // ends the names of those that take one

	shellCommand = "COMMAND" // in the usage: the words of a command of the shell
)

// lineCommands are what may stand on the command line, with the words of crm --help.
var lineCommands = []struct{ name, help string }{
	{"", "the prompt, or a script from stdin"},
	{shellCommand, "run one command of the shell, crm customer list"},
	{"init", "make database, roles and the first administrator"},
	{"upgrade", "bring an older database to this version"},
	{"backup FILE", "back the database up into a file"},
	{"restore FILE", "make the database that a backup holds"},
	{"seed", "add fictional data, or --purge it"},
	{"rotate-keys", "re-encrypt and re-index everything under new keys"},
	{"keyset list", "list the keys, here and in the database"},
	{"keyset import FILE", "add the keys of another keyset"},
	{"keyset fingerprint", "print a digest to compare by phone"},
	{"verify-audit", "check the trail's chain, name the first bad entry"},
	{"config check", "name weak settings"},
}

// Commands returns the names of the operator's commands, and "" for the shell.
func Commands() []string {
	var names []string
	for _, c := range lineCommands {
		if c.name != shellCommand {
			names = append(names, strings.TrimSuffix(c.name, argument))
		}
	}
	return names
}

var flags = []flag{
	{"config", "", anyCommand, "", "the config file (default config.yaml in crm's config directory)"},
	{"version", "", anyCommand, false, "print the version and leave"},
	{"demo", "", "|backup", false, "a private, throw-away PostgreSQL with fictional data"},
	{"command", "c", "", scripts(nil), "run this command and leave; may be repeated, and mixed with -f"},
	{"file", "f", "", scripts(nil), "run the commands of this file and leave; may be repeated"},
	{"run-id", "", "", "", "name a script's run: run again with the same ID within 30 days, it makes no change twice"},
	{"admin-email", "", "init", "", "crm init: the first administrator's email"},
	{"admin-first-name", "", "init", "", "crm init: their first name"},
	{"admin-last-name", "", "init", "", "crm init: their last name"},
	{"force", "", "backup", false, "crm backup: write over a file that is there"},
	{"recipient", "", "backup", []string(nil), "crm backup: encrypt to this public key of age, age1…; may be repeated"},
	{"identity", "", "restore", "", "crm restore: the file with the private key of age that opens the backup"},
	{"passphrase-file", "", "backup|restore", "", "crm backup and restore: encrypt or open with the first line of " +
		"this file"},
	{"dry-run", "", "upgrade", false, "crm upgrade: change nothing, say what would change"},
	{"customers", "", "seed", 0, "crm seed: how many customers (default 40)"},
	{"contracts", "", "seed", 0, "crm seed: how many contracts (default 3 for 2 customers)"},
	{"events", "", "seed", 0, "crm seed: how many events (default 3 for 4 contracts)"},
	{"purge", "", "seed", false, "crm seed: take all fictional data out again"},
	{"prepare", "", "rotate-keys", false, "crm rotate-keys: only make the next key, to be copied to other machines " +
		"before it is used"},
	{"retire", "", "rotate-keys", false, "crm rotate-keys: drop the older keys"},
	{"expect-head", "", "verify-audit", "", "crm verify-audit: the head that it printed at an earlier time, " +
		"POSITION:HASH; nothing up to there may be missing"},
}

// Parse reads the command line; its errors are commands.ErrUsage.
func Parse(args []string) (Line, error) {
	l := Line{FlagSet: pflag.NewFlagSet("crm", pflag.ContinueOnError)}
	l.SortFlags = false
	l.SetInterspersed(false)
	var given scripts
	l.SetOutput(io.Discard)
	only := map[string]string{}
	for _, f := range flags {
		if _, ok := f.value.(scripts); ok {
			l.VarP(&scriptFlag{f.name == "file", &given}, f.name, f.short, f.help)
		} else {
			l.declare(f.name, f.short, f.value, f.help)
		}
		only[f.name] = f.command
	}
	for _, o := range Options() {
		if o.Flag != "" {
			l.declare(o.Flag, "", o.Default, o.Help)
			only[o.Flag] = anyCommand
		}
	}
	err := l.FlagSet.Parse(args)
	if err == nil && l.ofOperator() { // whose flags may follow its words
		l.SetInterspersed(true)
		err = l.FlagSet.Parse(l.Args())
	}
	l.Scripts = given
	if l.Help = errors.Is(err, pflag.ErrHelp); l.Help {
		return l, nil
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return l, usage("%v%s", err, cmp.Or(commands.DidYouMean("--"+unknown.GetSpecifiedName(), l.names()),
			": crm --help lists the flags"))
	}
	if err != nil {
		return l, usage("%v: crm --help lists the flags", err)
	}
	if err := l.readCommand(); err != nil {
		return l, err
	}
	return l, l.check(only)
}

// check returns an error for a flag that the command does not have, and for flags that exclude each other. commandOf
// has the command of each flag.
func (l Line) check(commandOf map[string]string) (err error) {
	l.Visit(func(f *pflag.Flag) {
		commands := strings.Split(commandOf[f.Name], "|")
		if commandOf[f.Name] != anyCommand && !slices.Contains(commands, l.Command) {
			err = usage("--%s is no flag of %s", f.Name, strings.TrimSpace("crm "+l.Command))
		}
	})
	if (l.Changed("recipient") || l.Changed("identity")) && l.Changed("passphrase-file") {
		return usage("--passphrase-file goes without --recipient and --identity")
	}
	if l.Is("prepare") && l.Is("retire") {
		return usage("--prepare and --retire exclude each other")
	}
	if l.Is("purge") && (l.Changed("customers") || l.Changed("contracts") || l.Changed("events")) {
		return usage("--purge deletes all fictional data: it goes without --customers, --contracts and --events")
	}
	return err
}

// names returns the flags as they are typed.
func (l Line) names() (all []string) {
	l.VisitAll(func(f *pflag.Flag) { all = append(all, "--"+f.Name) })
	return all
}

// ofOperator reports whether the first argument begins a command of the operator, such as crm keyset list.
func (l *Line) ofOperator() bool {
	return l.NArg() > 0 && slices.ContainsFunc(Commands(), func(name string) bool {
		first, _, _ := strings.Cut(name, " ")
		return first == l.Arg(0)
	})
}

// readCommand reads the arguments: a command of the operator, or the words of one command of the shell.
func (l *Line) readCommand() error {
	switch strings.Join(l.Args(), " ") { // as --help and --version: they need no database
	case "help":
		l.Help = true
		return nil
	case "version":
		return l.Set("version", "true")
	}
	if l.NArg() > 0 && !l.ofOperator() {
		l.Scripts = append(l.Scripts, Script{Text: join(l.Args())})
		return nil
	}
	l.Command = strings.Join(l.Args(), " ")
	for _, c := range lineCommands {
		name, takes := strings.CutSuffix(c.name, argument)
		words := len(strings.Fields(name))
		if !takes || strings.Join(l.Args()[:min(words, l.NArg())], " ") != name {
			continue
		}
		if l.Command, l.File = name, l.Arg(words); l.NArg() != words+1 || l.File == "" {
			return usage("crm %s wants one FILE", name)
		}
		return nil
	}
	if slices.Contains(Commands(), l.Command) {
		return nil
	}
	var next []string // what may follow the first word
	for _, name := range Commands() {
		if name != "" && strings.HasPrefix(l.Command, name+" ") {
			return usage("crm %s has no use for %q", name, strings.TrimPrefix(l.Command, name+" "))
		}
		if rest, follows := strings.CutPrefix(name, l.Arg(0)+" "); follows {
			next = append(next, rest)
		}
	}
	return usage("unknown command %q: want crm %s %s", l.Command, l.Arg(0), strings.Join(next, " or "))
}

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{commands.ErrUsage}, args...)...)
}

func (l Line) declare(name, short string, value any, help string) {
	switch value := value.(type) {
	case string:
		l.StringP(name, short, value, help)
	case bool:
		l.BoolP(name, short, value, help)
	case int:
		l.IntP(name, short, value, help)
	case []string:
		l.StringArrayP(name, short, value, help)
	}
}

// Usage is what crm --help says, in lines of at most 80 characters.
func (l Line) Usage() string {
	usage := "crm: customers, contracts and events at a prompt\n\n"
	for _, c := range lineCommands {
		line := strings.ReplaceAll("crm "+c.name+" [FLAGS]", "  ", " ")
		if c.name == shellCommand {
			line = "crm [FLAGS] " + c.name
		}
		usage += fmt.Sprintf("  %-27s %s\n", line, c.help)
	}
	return usage + "\n" + l.FlagUsagesWrapped(80)
}

// Text is the value of a flag that is a text, empty if it is not given.
func (l Line) Text(name string) string {
	value, _ := l.GetString(name)
	return value
}

// Texts are the values of a flag that may be repeated.
func (l Line) Texts(name string) []string {
	values, _ := l.GetStringArray(name)
	return values
}

// Number is the value of a flag that is a number, nil if it is not given.
func (l Line) Number(name string) *int {
	value, _ := l.GetInt(name)
	if !l.Changed(name) {
		return nil
	}
	return &value
}

// Is reports whether a flag is given that is a switch.
func (l Line) Is(name string) bool {
	value, _ := l.GetBool(name)
	return value
}
