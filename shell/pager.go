package shell

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"crm/shell/line"
)

// A Pager shows text that is taller than the screen.
type Pager struct {
	Command string     // a shell command: $PAGER or "less -SRXF"; empty: none
	Height  func() int // of the screen in lines
	Out     *os.File   // the terminal
}

// defaultPager cuts long lines, keeps colours, leaves the text on the screen, and exits at once if the text fits.
const defaultPager = "less -SRXF"

// NewPager returns the pager of PAGER. "cat" and an empty value mean none.
func NewPager(out *os.File, height func() int) *Pager {
	command, set := os.LookupEnv("PAGER")
	if !set {
		command = defaultPager
	}
	if strings.TrimSpace(command) == "cat" {
		command = ""
	}
	return &Pager{Command: strings.TrimSpace(command), Height: height, Out: out}
}

// program returns the program that shows a text. less is told that the text is UTF-8: where no LANG is set, it would
// show bytes.
func (p *Pager) program() *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", p.Command)
	cmd.Env = line.OutsideEnvironment()
	if _, set := os.LookupEnv("LESSCHARSET"); !set {
		cmd.Env = append(cmd.Env, "LESSCHARSET=utf-8")
	}
	cmd.Stdout, cmd.Stderr = p.Out, os.Stderr
	return cmd
}

// stream passes the output of write to the pager, or to w if there is none.
func (p *Pager) stream(w io.Writer, write func(io.Writer) error) error {
	if p == nil || p.Command == "" {
		return write(w)
	}
	cmd := p.program()
	in, err := cmd.StdinPipe()
	if err != nil {
		return write(w)
	}
	if err := cmd.Start(); err != nil {
		return write(w)
	}
	failed := write(in)
	_ = in.Close()
	_ = cmd.Wait()
	if errors.Is(failed, syscall.EPIPE) || errors.Is(failed, os.ErrClosed) {
		return nil // quitting the pager early is no error
	}
	return failed
}

// page shows text in the pager if it is taller than the screen, else it writes it to w. If the pager cannot be
// started, it writes to w too.
func (p *Pager) page(w io.Writer, text []byte) error {
	if p == nil || p.Command == "" || bytes.Count(text, []byte("\n")) < p.Height() {
		_, err := w.Write(text)
		return err
	}
	cmd := p.program()
	cmd.Stdin = bytes.NewReader(text)
	err := cmd.Run() // Ctrl-C is for the pager
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) && exit.ExitCode() != 127 && exit.ExitCode() != 126 {
		return nil // leaving the pager early is no failure
	}
	_, err = w.Write(text)
	return err
}
