package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"crm/commands"
)

// A Line is the command line as it was read.
type Line struct {
	*pflag.FlagSet
	Command string // one of Commands(), "" being the conversation
	Help    bool   // asked for, and nothing else
}

// A flag is one that is no option.
type flag struct {
	name, short string
	command     string // the only one that it is for, "" being the conversation; or any
	value       any    // the default
	help        string
}

const anyCommand = "*"

// lineCommands are what may stand on the command line, with the words of crm --help.
var lineCommands = []struct{ name, help string }{
	{"", "the prompt, or a script from stdin"},
	{"init", "make database, roles and the first administrator"},
	{"upgrade", "bring an older database to this version"},
	{"seed", "add fictional data, or --purge it"},
	{"rotate-keys", "seal and index everything anew under fresh keys"},
	{"verify-audit", "check the trail's chain, name the first bad entry"},
	{"config check", "name the weak spots of the set-up"},
}

// Commands are the names of what may stand on the command line, "" being the conversation.
func Commands() []string {
	names := make([]string, len(lineCommands))
	for i, c := range lineCommands {
		names[i] = c.name
	}
	return names
}

var flags = []flag{
	{"config", "", anyCommand, "", "the config file (default config.yaml in crm's config directory)"},
	{"version", "", anyCommand, false, "print the version and leave"},
	{"demo", "", "", false, "a private, throw-away PostgreSQL with fictional data"},
	{"command", "c", "", []string(nil), "run this command and leave; may be repeated"},
	{"file", "f", "", "", "run the commands of this file and leave"},
	{"admin-email", "", "init", "", "crm init: the first administrator's email"},
	{"admin-first-name", "", "init", "", "crm init: their first name"},
	{"admin-last-name", "", "init", "", "crm init: their last name"},
	{"dry-run", "", "upgrade", false, "crm upgrade: change nothing, say what would change"},
	{"customers", "", "seed", 0, "crm seed: how many customers (default 40)"},
	{"contracts", "", "seed", 0, "crm seed: how many contracts (default 3 for 2 customers)"},
	{"events", "", "seed", 0, "crm seed: how many events (default 3 for 4 contracts)"},
	{"purge", "", "seed", false, "crm seed: take all fictional data out again"},
	{"prepare", "", "rotate-keys", false, "crm rotate-keys: only make the next key, to be copied to other machines before it is used"},
	{"retire", "", "rotate-keys", false, "crm rotate-keys: drop the older keys"},
	{"expect-head", "", "verify-audit", "", "crm verify-audit: the head that it printed at an earlier time, POSITION:HASH; nothing up to there may be missing"},
}

// Parse reads the command line; its errors are commands.ErrUsage.
func Parse(args []string) (Line, error) {
	l := Line{FlagSet: pflag.NewFlagSet("crm", pflag.ContinueOnError)}
	l.SortFlags = false
	l.SetOutput(io.Discard)
	only := map[string]string{}
	for _, f := range flags {
		l.declare(f.name, f.short, f.value, f.help)
		only[f.name] = f.command
	}
	for _, o := range Options() {
		if o.Flag != "" {
			l.declare(o.Flag, "", o.Default, o.Help)
			only[o.Flag] = anyCommand
		}
	}
	err := l.FlagSet.Parse(args)
	if l.Help = errors.Is(err, pflag.ErrHelp); l.Help {
		return l, nil
	}
	if err != nil {
		return l, usage("%v: crm --help lists the flags", err)
	}
	l.Command = strings.Join(l.Args(), " ")
	if !slices.Contains(Commands(), l.Command) {
		return l, usage(`unknown command %q: crm opens the prompt, crm -c "COMMAND" runs one command, crm --help lists the others`, l.Command)
	}
	l.Visit(func(f *pflag.Flag) {
		if command := only[f.Name]; command != anyCommand && command != l.Command {
			err = usage("--%s is no flag of %s", f.Name, strings.TrimSpace("crm "+l.Command))
		}
	})
	if l.Is("prepare") && l.Is("retire") {
		return l, usage("--prepare and --retire exclude each other")
	}
	if l.Is("purge") && (l.Changed("customers") || l.Changed("contracts") || l.Changed("events")) {
		err = usage("--purge takes all fictional data out: it goes without --customers, --contracts and --events")
	}
	return l, err
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
		usage += fmt.Sprintf("  %-27s %s\n", strings.ReplaceAll("crm "+c.name+" [FLAGS]", "  ", " "), c.help)
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
