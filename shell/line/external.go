package line

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// editElsewhere opens the line in the user's editor and returns the edited line. It does not run it.
func (l *Reader) editElsewhere(was line) line {
	text, err := runEditor(l.c, "txt", asTyped(string(was.text)))
	if err == nil && len(text) > maxLine {
		err = fmt.Errorf("a line holds at most %d bytes", maxLine)
	}
	if err != nil {
		l.say(err)
		return was
	}
	text = onScreen(text)
	return newLine(text, len(text))
}

// runEditor opens a text in the user's editor and returns the edited text. kind is the extension of the temporary
// file, which has mode 0600 and is removed afterwards.
func runEditor(c Config, kind, text string) (edited string, err error) {
	if strings.TrimSpace(c.Editor) == "" {
		return "", errors.New("there is no editor: set EDITOR")
	}
	f, err := os.CreateTemp("", "crm-*."+kind)
	if err != nil {
		return "", fmt.Errorf("editor: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if _, err = f.WriteString(text + "\n"); err != nil {
		return "", fmt.Errorf("editor: %w", errors.Join(err, f.Close()))
	}
	if err = f.Close(); err != nil {
		return "", fmt.Errorf("editor: %w", err)
	}
	words := append(strings.Fields(c.Editor), f.Name())
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = OutsideEnvironment()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.In, c.Out, c.Out
	if err = cmd.Run(); err != nil {
		return "", fmt.Errorf("editor: %w", err)
	}
	b, err := os.ReadFile(f.Name())
	return strings.TrimRight(string(b), "\r\n"), err
}
