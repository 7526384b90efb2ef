package shell

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"

	"crm/commands"
	"crm/shell/line"
)

// This file starts a conversation: the sources of commands, the screen, and the greeting.

// A Source is the text of a script or the name of its file.
type Source struct {
	IsFile bool
	Text   string
}

// IsStdin reports whether the source is standard input: -f -.
func (s Source) IsStdin() bool { return s.IsFile && s.Text == "-" }

// Scripts opens the sources in order; without sources, stdin unless it is a terminal. A nil slice means the prompt. If
// a file cannot be opened, it returns ErrUsage. The caller must call done after the last script.
func Scripts(sources []Source, stdin *os.File) (scripts []Script, done func(), err error) {
	var files []*os.File
	done = func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	for _, s := range sources {
		if !s.IsFile {
			scripts = append(scripts, Script{Text: strings.NewReader(s.Text)})
			continue
		}
		if s.IsStdin() {
			scripts = append(scripts, Script{Name: "stdin", Text: stdin})
			continue
		}
		f, err := os.Open(s.Text)
		if err != nil {
			done()
			return nil, done, fmt.Errorf("%w: the script cannot be read: %w", commands.ErrUsage, err)
		}
		files = append(files, f)
		scripts = append(scripts, Script{Name: filepath.Base(s.Text), Text: f})
	}
	if scripts == nil && !term.IsTerminal(int(stdin.Fd())) {
		scripts = []Script{{Name: "stdin", Text: stdin}}
	}
	return scripts, done, nil
}

// ScreenOf returns the Screen of out; the zero value if out is not a terminal.
func ScreenOf(out *os.File) Screen {
	terminal := term.IsTerminal(int(out.Fd()))
	return Screen{
		Terminal: terminal,
		Color:    terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		Width:    func() int { width, _ := sizeOf(out); return width },
		Height:   func() int { _, height := sizeOf(out); return height },
	}
}

// sizeOf returns the terminal's size, or 80×24 if it is unknown.
func sizeOf(out *os.File) (width, height int) {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// A Welcome configures a conversation at a terminal.
type Welcome struct {
	Words       []string // lines printed first
	HistoryFile string   // history while signed out; the users' histories are beside it
	HistorySize int      // in lines
}

// Meet runs a conversation at the terminal until the user leaves. Ctrl-C cancels a command or a line, never the
// conversation. Meet returns the signal that ended the conversation, or 0.
func (sh *Shell) Meet(ctx context.Context, in, out *os.File, w Welcome) (ended syscall.Signal, err error) {
	for _, words := range w.Words {
		sh.say(words)
	}
	if !line.IsTerminal(in, out) {
		return 0, sh.ConversePlainly(ctx, in)
	}
	sh.Pager = NewPager(out, sh.Screen.Height)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	warned := false
	signals := make(chan syscall.Signal, 1)
	err = sh.Converse(ctx, Terminal{
		In: in, Out: out, Editor: editor, Color: sh.Screen.Color,
		History: func(user string) *line.History {
			path := historyOf(w.HistoryFile, sh.Session.DB.Server(), user)
			history, err := line.OpenHistory(path, w.HistorySize, sh.Session.MayStore)
			if err != nil && !warned {
				sh.say("warning: " + err.Error())
				warned = true
			}
			return history
		},
		OnSignal: func(s os.Signal) {
			if n, ok := s.(syscall.Signal); ok {
				select {
				case signals <- n:
				default: // one signal is enough
				}
			}
			cancel()
		},
	})
	select {
	case ended = <-signals:
	default:
	}
	return ended, err
}

// historyOf returns the history file of a user of a database, beside the configured file. Users do not see each
// other's lines.
func historyOf(file, server, user string) string {
	if file == "" || user == "" {
		return file
	}
	sum := sha256.Sum256([]byte(server + "\n" + strings.ToLower(user)))
	return fmt.Sprintf("%s-%x", file, sum[:6])
}

// LogFile returns a writer to a file, which is created with mode 0600 at the first write.
func LogFile(path string) io.Writer { return logFile(path) }

type logFile string

func (path logFile) Write(b []byte) (int, error) {
	if err := os.MkdirAll(filepath.Dir(string(path)), 0o700); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(string(path), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Write(b)
}
