// Package program is the program crm without its schema: program.go starts and ends a run, settings.go reads the
// config, conversation.go wires the shell, operator.go the commands of the operator.
package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	_ "time/tzdata" // for systems without time zones

	"github.com/adrg/xdg"
	"github.com/spf13/viper"

	"crm/commands"
	"crm/commands/config"
	"crm/shell"
)

const version = "0.4.0"

// Main runs the program with the arguments of the process and returns its exit status. schemaSQL is the text of
// schema.sql.
func Main(schemaSQL string) int {
	// A closed pipe becomes an error of the write, so the private server is stopped. Programs that are started would
	// inherit an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	go func() { cancel(signalled{<-signals}) }()
	p := program{Viper: viper.New(), schemaSQL: schemaSQL}
	err := p.start(ctx, os.Args[1:])
	status := commands.ExitStatus(err)
	var by signalled
	if status == commands.StatusInterrupted && errors.As(context.Cause(ctx), &by) {
		p.ended, _ = by.signal.(syscall.Signal)
	}
	if errors.Is(err, syscall.EPIPE) { // the reader of the output has closed it
		status = 0
	} else if err != nil && !p.conversed {
		p.printError(err)
	}
	for _, end := range slices.Backward(p.closers) {
		end()
	}
	if p.ended != 0 {
		return 128 + int(p.ended)
	}
	return status
}

// signalled is the cause of a context that a signal cancels. It is a [context.Canceled], so a function may return
// context.Cause as well as ctx.Err.
type signalled struct{ signal os.Signal }

func (s signalled) Error() string { return s.signal.String() }

// Is makes errors.Is(err, context.Canceled) true.
func (s signalled) Is(target error) bool { return target == context.Canceled }

// printError prints an error from before the conversation in the same form as the conversation.
func (p *program) printError(err error) {
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
	schemaSQL  string
	line       config.Line
	configFile string
	demo       bool
	reporter   *shell.Reporter
	conversed  bool           // errors have been printed
	warned     []string       // files that others can read
	ended      syscall.Signal // the signal that ended the conversation
	closers    []func()       // called at the end, in reverse order
}

func (p *program) start(ctx context.Context, args []string) error {
	if closed, certain := outputClosed(); closed && certain {
		return commands.Unwritten(os.ErrClosed)
	}
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
	p.reporter, err = shell.NewReporter(p.GetString("sentry.dsn"), p.GetString("sentry.environment"), "crm@"+version,
		log)
	if err != nil {
		return usage("sentry.dsn cannot be read: %v", err)
	}
	p.closers = append(p.closers, func() { p.reporter.Close(2 * time.Second) })
	return map[string]func(context.Context) error{
		"": p.converse, "init": p.init, "upgrade": p.upgrade, "backup": p.backup, "restore": p.restore, "seed": p.seed,
		"rotate-keys": p.rotateKeys,
		"keyset list": p.keyset, "keyset import": p.keyset, "keyset fingerprint": p.keyset,
		"verify-audit": p.verifyAudit,
		"config check": p.checkConfig,
	}[p.line.Command](ctx)
}

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{commands.ErrUsage}, args...)...)
}

// fileAlone returns the config file without defaults, environment and flags; empty if the file cannot be read.
func fileAlone(file string) *viper.Viper {
	v := viper.New()
	v.SetConfigFile(file)
	_ = v.ReadInConfig()
	return v
}
