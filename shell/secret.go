package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

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

// ask reads one line without echo. Ctrl-C gives up, and the terminal is as before in every case.
func ask(ctx context.Context, tty *os.File, question string) (string, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type answer struct {
		text []byte
		err  error
	}
	done := make(chan answer, 1)
	_, _ = io.WriteString(tty, question)
	go func() {
		text, err := term.ReadPassword(fd)
		done <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		_, _ = io.WriteString(tty, "\n")
		return "", context.Canceled
	case a := <-done:
		_, _ = io.WriteString(tty, "\n")
		if errors.Is(a.err, io.EOF) {
			return "", context.Canceled
		}
		return string(a.text), a.err
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
