//go:build linux

package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"crm/commands"
)

// A person answers questions at a terminal: the text to type when the terminal shows a text.
type person struct {
	t    *testing.T
	ptm  *os.File
	tty  string
	seen strings.Builder
}

func openPerson(t *testing.T) *person {
	t.Helper()
	ptm, pts, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ptm.Close(), pts.Close() }) // pts stays open: its end would end the terminal
	return &person{t: t, ptm: ptm, tty: pts.Name()}
}

func (p *person) secrets() Secrets {
	return Secrets{TTY: func() (*os.File, error) { return os.OpenFile(p.tty, os.O_RDWR|unix.O_NOCTTY, 0) }}
}

func (p *person) mode() unix.Termios {
	p.t.Helper()
	f, err := p.secrets().TTY()
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	mode, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *mode
}

// answer types the answers, each when its question is shown, and returns when the last is typed.
func (p *person) answer(dialogue ...string) {
	buf := make([]byte, 256)
	for i := 0; i < len(dialogue); i += 2 {
		for !strings.HasSuffix(p.seen.String(), dialogue[i]) {
			n, err := p.ptm.Read(buf)
			if err != nil {
				p.t.Errorf("the terminal: %v", err)
				return
			}
			p.seen.Write(buf[:n])
		}
		if _, err := p.ptm.WriteString(dialogue[i+1]); err != nil {
			p.t.Errorf("type: %v", err)
			return
		}
	}
}

// rest reads the terminal's output up to a text.
func (p *person) rest(until string) string {
	p.answer(until, "")
	return p.seen.String()
}

// TestSecretAsked asks at a terminal: nothing is echoed, Ctrl-C gives up, and the terminal's mode is restored.
func TestSecretAsked(t *testing.T) {
	const question = "password: "
	for name, test := range map[string]struct {
		twice    bool
		check    bool
		dialogue []string
		want     string
		err      error
	}{
		"enter":     {dialogue: []string{question, "sécret 1\r"}, want: "sécret 1"},
		"empty":     {dialogue: []string{question, "\r"}},
		"corrected": {dialogue: []string{question, "wrong\x15sécreté\x7f\x7f\x08et\r"}, want: "sécret"},
		"pasted":    {dialogue: []string{question, "\x1b[200~secret\x1b[201~\r"}, want: "secret"},
		"too long": {
			dialogue: []string{question, strings.Repeat("x", longestSecret+1)},
			err:      commands.ErrUsage,
		},
		"Ctrl-C": {dialogue: []string{question, "secr\x03"}, err: context.Canceled},
		"Ctrl-D": {dialogue: []string{question, "\x04"}, err: context.Canceled},
		"twice": {
			twice: true, dialogue: []string{question, "secret\r", "again: ", "secret\r"},
			want: "secret",
		},
		"different": {
			twice: true, dialogue: []string{question, "secret\r", "again: ", "Secret\r"},
			err: commands.ErrUsage,
		},
		"judged first": {
			twice: true, check: true,
			dialogue: []string{
				question, "short\r", "too short\r\npassword: ", "secret\r", "again: ", "Secret\r",
				"the two are not the same\r\npassword: ", "secret\r", "again: ", "secret\r",
			}, want: "secret",
		},
		"Ctrl-C when judged": {
			twice: true, check: true,
			dialogue: []string{question, "short\r", "too short\r\npassword: ", "\x03"}, err: context.Canceled,
		},
		"Ctrl-C at the second": {
			twice: true, dialogue: []string{question, "secret\r", "again: ", "\x03"},
			err: context.Canceled,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := openPerson(t)
			before := p.mode()
			typed := make(chan struct{})
			go func() {
				defer close(typed)
				p.answer(test.dialogue...)
			}()
			request := commands.SecretRequest{Question: "password", Twice: test.twice}
			if test.check {
				request.Check = func(secret string) error {
					if len(secret) < 6 {
						return fmt.Errorf("%w: too short", commands.ErrUsage)
					}
					return nil
				}
			}
			got, err := p.secrets().Read(t.Context(), request)
			<-typed
			if !errors.Is(err, test.err) || err == nil && got != test.want {
				t.Errorf("%q, %v; want %q, %v", got, err, test.want, test.err)
			}
			if p.mode() != before {
				t.Error("the terminal is not as before")
			}
			if screen := p.rest("\r\n"); strings.Contains(strings.ToLower(screen), "s\u00e9c") ||
				strings.Contains(strings.ToLower(screen), "sec") || strings.Contains(screen, "x") {
				t.Errorf("the terminal shows %q", screen)
			}
		})
	}
}

// TestSecretCancelled gives up when the program is told to end.
func TestSecretCancelled(t *testing.T) {
	p := openPerson(t)
	before := p.mode()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		p.answer("password: ", "")
		cancel()
	}()
	if _, err := p.secrets().Read(ctx, commands.SecretRequest{Question: "password"}); !errors.Is(err,
		context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
	if p.mode() != before {
		t.Error("the terminal is not as before")
	}
}

// TestAsker asks for lines at a terminal; without one it asks no question.
func TestAsker(t *testing.T) {
	p := openPerson(t)
	tty, err := p.secrets().TTY()
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	ask := Asker(tty, tty)
	for question, typed := range map[string]string{"name: ": "Ada\n", "mail: ": "  ada@b.example \n"} {
		go p.answer(question, typed)
		if got, err := ask(t.Context(), question); err != nil || got != strings.TrimSpace(typed) {
			t.Errorf("%q, %v; want %q", got, err, typed)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(ctx, "more: "); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if Asker(file, tty) != nil {
		t.Error("asks where there is no terminal")
	}
}
