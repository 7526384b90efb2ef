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

// A Pager shows what is taller than the screen.
type Pager struct {
	Command string     // of the shell: $PAGER, "less -SRXF"; empty: none
	Height  func() int // of the screen in lines
	Out     *os.File   // the terminal
}

// defaultPager chops long lines, passes colours on, leaves the text on the screen and ends by itself
// where all of it fits.
const defaultPager = "less -SRXF"

// NewPager takes the user's pager; "cat" and an empty PAGER that is set mean none.
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

// stream shows what write writes, with the pager if there is one.
func (p *Pager) stream(w io.Writer, write func(io.Writer) error) error {
	if p == nil || p.Command == "" {
		return write(w)
	}
	cmd := exec.Command("/bin/sh", "-c", p.Command)
	cmd.Env = line.OutsideEnvironment()
	cmd.Stdout, cmd.Stderr = p.Out, os.Stderr
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
		return nil // leaving the pager early is no failure
	}
	return failed
}

// page shows text with the pager if it is taller than the screen, else it writes it to w. A
// pager that cannot be started is no reason not to see the answer.
func (p *Pager) page(w io.Writer, text []byte) error {
	if p == nil || p.Command == "" || bytes.Count(text, []byte("\n")) < p.Height() {
		_, err := w.Write(text)
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", p.Command)
	cmd.Env = line.OutsideEnvironment()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), p.Out, os.Stderr
	err := cmd.Run() // Ctrl-C is the pager's
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) && exit.ExitCode() != 127 && exit.ExitCode() != 126 {
		return nil // leaving the pager early is no failure
	}
	_, err = w.Write(text)
	return err
}
