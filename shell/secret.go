package shell

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"crm/commands"
)

// Secrets is the one place where a secret is read: from a file, from the environment, or
// from a terminal without echo. It never comes from the command line.
type Secrets struct {
	File  string                   // the default of a request's file: --password-file
	Value string                   // CRM_PASSWORD, used where a request allows it
	TTY   func() (*os.File, error) // the terminal to ask at; an error where there is none
}

const longestSecret = 1024 // bytes

// OpenTTY opens the terminal that the program was started at, wherever its input comes from.
func OpenTTY() (*os.File, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONIN$", os.O_RDWR, 0)
	}
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}

// Read answers a request for a secret. What is read from a file ends at its first line.
func (s Secrets) Read(ctx context.Context, r commands.SecretRequest) (string, error) {
	if r.File == "" && r.Env {
		r.File = s.File
	}
	switch {
	case r.File != "":
		return secretFile(r.File)
	case r.Env && s.Value != "":
		return s.Value, nil
	}
	tty, err := s.TTY()
	if err != nil {
		return "", fmt.Errorf("%w: there is no terminal to ask for the %s: use --%s FILE%s", commands.ErrUsage, r.Question,
			map[bool]string{true: "password-file", false: "new-password-file"}[r.Env], map[bool]string{true: " or CRM_PASSWORD"}[r.Env])
	}
	defer tty.Close()
	first, err := ask(ctx, tty, r.Question+": ")
	if err != nil || !r.Twice {
		return first, err
	}
	second, err := ask(ctx, tty, "again: ")
	if err == nil && first != second {
		err = fmt.Errorf("%w: the two are not the same", commands.ErrUsage)
	}
	return first, err
}

// ask reads one line without echo. The terminal is raw meanwhile, so that Ctrl-C is read like any other key and
// nobody is left behind who waits for the next line; it is as before in every case.
func ask(ctx context.Context, tty *os.File, question string) (string, error) {
	before, err := term.MakeRaw(int(tty.Fd()))
	if err != nil {
		return "", fmt.Errorf("%w: the terminal cannot be read: %w", commands.ErrUsage, err)
	}
	var out io.Writer = tty
	if runtime.GOOS == "windows" {
		out = os.Stderr // CONIN$ is for reading
	}
	defer func() {
		_ = term.Restore(int(tty.Fd()), before)
		_, _ = io.WriteString(out, "\r\n")
	}()
	_, _ = io.WriteString(out, question)
	return wait(ctx, func() (string, error) { return readSecret(tty) })
}

// wait is what read answers, or context.Canceled as soon as ctx ends.
func wait(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := read()
		done <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Canceled
	case a := <-done:
		return a.text, a.err
	}
}

// readSecret reads the keys of a raw terminal up to Enter. Ctrl-C, and Ctrl-D on an empty line, give up; Backspace and
// Ctrl-U correct.
func readSecret(tty io.Reader) (string, error) {
	const interrupt, end, backspace, kill, rubout = 0x03, 0x04, 0x08, 0x15, 0x7f
	var line []byte
	key := make([]byte, 1) // what is typed ahead stays for the next to read
	for {
		if _, err := tty.Read(key); err != nil {
			return "", context.Canceled // the terminal is gone
		}
		switch key[0] {
		case '\r', '\n':
			return strings.NewReplacer(pasteStart, "", pasteEnd, "").Replace(string(line)), nil
		case interrupt:
			return "", context.Canceled
		case end:
			if len(line) == 0 {
				return "", context.Canceled
			}
		case backspace, rubout:
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		case kill:
			line = line[:0]
		default:
			line = append(line, key[0])
		}
		if len(line) > longestSecret {
			return "", fmt.Errorf("%w: a password has at most %d bytes", commands.ErrUsage, longestSecret)
		}
	}
}

// Asker asks for lines that are no secret; nil if in is no terminal.
func Asker(in *os.File, out io.Writer) func(ctx context.Context, question string) (string, error) {
	if !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	lines := bufio.NewReader(in)
	return func(ctx context.Context, question string) (string, error) {
		_, _ = io.WriteString(out, question)
		text, err := wait(ctx, func() (string, error) { return lines.ReadString('\n') })
		if err != nil {
			return "", context.Canceled
		}
		return strings.TrimSpace(text), nil
	}
}

func secretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", unreadableFile(path, err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, longestSecret+2))
	if err != nil {
		return "", unreadableFile(path, err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	line = strings.TrimSuffix(line, "\r")
	if len(line) == 0 || len(line) > longestSecret {
		return "", unreadableFile(path, fmt.Errorf("its first line must be the password, at most %d bytes", longestSecret))
	}
	return line, nil
}
