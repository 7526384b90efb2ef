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

// Secrets reads passwords and codes: from a file, from the environment, or from a terminal without echo. No other code
// reads them, and they are never read from the command line.
type Secrets struct {
	File  string                   // default file of a password: --password-file
	Value string                   // CRM_PASSWORD, used if a request allows it
	Code  string                   // CRM_CODE, the same for codes of a second factor
	TTY   func() (*os.File, error) // opens the terminal to ask at; an error if there is none
	Open  func(file string)        // called with the name of each file before it is read; may be nil

	asking func() // called before a question at a terminal; may be nil
}

const longestSecret = 1024 // bytes

// OpenTTY opens the controlling terminal, even if standard input is redirected. Without one, as "su -c" starts
// programs, it opens standard input if that is a terminal.
func OpenTTY() (*os.File, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONIN$", os.O_RDWR, 0)
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil && term.IsTerminal(int(os.Stdin.Fd())) {
		return duplicate(os.Stdin)
	}
	return tty, err
}

// Read reads a secret from a file, a variable or the terminal. From a file or a variable it returns the first line,
// without its line end and without a byte order mark.
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

// askTwice asks for a secret. A new password is checked and must be typed twice.
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

// otherWays returns the hint about reading a secret without a terminal.
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

// show writes the notice and the QR code of a request to the terminal.
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

// screenOf returns the writer of a terminal.
func screenOf(tty *os.File) io.Writer {
	if runtime.GOOS == "windows" {
		return os.Stderr // CONIN$ can only be read
	}
	return tty
}

// ask reads one line without echo. Meanwhile the terminal is in raw mode, so that Ctrl-C is read as a key and no
// reader is left waiting for the next line. The mode is restored in every case.
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

// wait returns the result of read, or context.Canceled as soon as ctx ends.
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

// readSecret reads keys of a raw terminal up to Enter. Ctrl-C, and Ctrl-D on an empty line, cancel. Backspace deletes
// a character, Ctrl-U all.
func readSecret(tty io.Reader) (string, error) {
	const interrupt, end, backspace, kill, rubout = 0x03, 0x04, 0x08, 0x15, 0x7f
	var typed []byte
	key := make([]byte, 1) // typed-ahead input is left for the next reader
	for {
		if _, err := tty.Read(key); err != nil {
			return "", context.Canceled // the terminal is closed
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

// Asker returns a function that asks for a line that is not secret; nil if in is not a terminal.
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
	content, err := io.ReadAll(io.LimitReader(f, 2*longestSecret+int64(len("\ufeff\r\n")))) // it may be UTF-16
	if err != nil {
		return "", unreadableFile(path, err)
	}
	line := commands.FirstLine(commands.Decoded(content))
	if len(line) == 0 || len(line) > longestSecret {
		return "", unreadableFile(path,
			fmt.Errorf("its first line must be the secret, at most %d bytes", longestSecret))
	}
	return line, nil
}
