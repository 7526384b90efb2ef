package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"crm/commands"
	"crm/shell/line"
	"crm/shell/render"
)

// Secrets is the one place where a secret is read: from a file, from the environment, or
// from a terminal without echo. It never comes from the command line.
type Secrets struct {
	File  string                   // the default of a password's file: --password-file
	Value string                   // CRM_PASSWORD, used where a request allows it
	Code  string                   // CRM_CODE, the same for a second factor's code
	TTY   func() (*os.File, error) // the terminal to ask at; an error where there is none
	Open  func(file string)        // called for a file of a secret before it is read; may be nil

	asking func() // called before a terminal is asked; nil: nothing is
}

const longestSecret = 1024 // bytes

// OpenTTY opens the terminal that the program was started at, wherever its input comes from.
func OpenTTY() (*os.File, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONIN$", os.O_RDWR, 0)
	}
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}

// Read answers a request for a secret from a file, a variable or the terminal. Of a file or a variable it returns the
// first line, without its end and without a byte order mark before it.
func (s Secrets) Read(ctx context.Context, r commands.SecretRequest) (string, error) {
	file, value := s.File, commands.FirstLine(s.Value)
	if r.Code {
		file, value = "", commands.FirstLine(s.Code)
	}
	switch {
	case r.File != "":
		return s.secretFile(r.File)
	case r.Env && file != "":
		return s.secretFile(file)
	case r.Env && value != "":
		return value, nil
	}
	tty, err := s.TTY()
	if err != nil && r.QR != "" {
		return "", fmt.Errorf("%w: there is no terminal to show the secret at and to ask for its code",
			commands.ErrUsage)
	}
	if err != nil {
		return "", fmt.Errorf("%w: there is no terminal to ask for the %s%s", commands.ErrUsage, r.Question,
			otherWays(r))
	}
	defer tty.Close()
	if s.asking != nil {
		s.asking()
	}
	if err := show(tty, r); err != nil {
		return "", err
	}
	for {
		first, err := askTwice(ctx, tty, r)
		if err == nil || r.Check == nil || !commands.Readable(err) || errors.Is(err, context.Canceled) {
			return first, err
		}
		text, _ := commands.Describe(err)
		r.Notice, r.QR = text, ""
		if err := show(tty, r); err != nil {
			return "", err
		}
	}
}

// askTwice asks for a secret, and again for one that is new, if it may be one.
func askTwice(ctx context.Context, tty *os.File, r commands.SecretRequest) (string, error) {
	first, err := ask(ctx, tty, r.Question+": ")
	if err == nil && r.Check != nil {
		err = r.Check(first)
	}
	if err != nil || !r.Twice {
		return first, err
	}
	second, err := ask(ctx, tty, "again: ")
	if err == nil && first != second {
		err = fmt.Errorf("%w: the two are not the same", commands.ErrUsage)
	}
	return first, err
}

// otherWays says how a request is answered without a terminal.
func otherWays(r commands.SecretRequest) string {
	switch {
	case r.Code && r.Env:
		return ": use --code-file FILE or CRM_CODE"
	case r.Code:
		return ": use --code-file FILE"
	case r.Env:
		return ": use --password-file FILE or CRM_PASSWORD"
	}
	return ": use --new-password-file FILE"
}

// show writes what is for the eyes of whoever is asked.
func show(tty *os.File, r commands.SecretRequest) error {
	if r.Notice == "" {
		return nil
	}
	width, _ := sizeOf(tty)
	lines := render.Wrap(r.Notice, width)
	if r.QR != "" {
		picture, err := render.QR(r.QR)
		if err != nil {
			return err
		}
		if side := render.Width(picture[0]); side < width {
			for i := range picture {
				picture[i] = render.WhiteOnBlack + picture[i] + "\x1b[0m"
			}
			lines = render.Beside(picture, lines, side, width)
		}
	}
	_, err := io.WriteString(screenOf(tty), strings.Join(lines, "\n")+"\n")
	return err
}

// screenOf is where a terminal writes.
func screenOf(tty *os.File) io.Writer {
	if runtime.GOOS == "windows" {
		return os.Stderr // CONIN$ is for reading
	}
	return tty
}

// ask reads one line without echo. The terminal is raw meanwhile, so that Ctrl-C is read like any other key and
// nobody is left behind who waits for the next line; it is as before in every case.
func ask(ctx context.Context, tty *os.File, question string) (string, error) {
	before, err := term.MakeRaw(int(tty.Fd()))
	if err != nil {
		return "", fmt.Errorf("%w: the terminal cannot be read: %w", commands.ErrUsage, err)
	}
	out := screenOf(tty)
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
	var typed []byte
	key := make([]byte, 1) // what is typed ahead stays for the next to read
	for {
		if _, err := tty.Read(key); err != nil {
			return "", context.Canceled // the terminal is gone
		}
		switch key[0] {
		case '\r', '\n':
			return strings.NewReplacer(line.PasteStart, "", line.PasteEnd, "").Replace(string(typed)), nil
		case interrupt:
			return "", context.Canceled
		case end:
			if len(typed) == 0 {
				return "", context.Canceled
			}
		case backspace, rubout:
			_, size := utf8.DecodeLastRune(typed)
			typed = typed[:len(typed)-size]
		case kill:
			typed = typed[:0]
		default:
			typed = append(typed, key[0])
		}
		if len(typed) > longestSecret {
			return "", fmt.Errorf("%w: a secret has at most %d bytes", commands.ErrUsage, longestSecret)
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

func (s Secrets) secretFile(path string) (string, error) {
	if s.Open != nil {
		s.Open(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", unreadableFile(path, err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, longestSecret+int64(len("\ufeff\r\n"))))
	if err != nil {
		return "", unreadableFile(path, err)
	}
	line := commands.FirstLine(string(content))
	if len(line) == 0 || len(line) > longestSecret {
		return "", unreadableFile(path,
			fmt.Errorf("its first line must be the secret, at most %d bytes", longestSecret))
	}
	return line, nil
}
