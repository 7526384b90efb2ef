package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"crm/commands"
)

// This file reads the lines of scripts.

// lines splits a script into commands.
type lines struct {
	r       *bufio.Reader
	line    int      // number of the last line read, from 1
	pending []string // lines that were read but not used yet
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReader(r)} }

// next returns the next command and the number of its first line; io.EOF at the end. If a quote is left open, the
// error is a [commands.Incomplete], at is the line of the quote, and the next call continues after that line.
func (l *lines) next() (text string, at int, err error) {
	var open commands.Incomplete
	for {
		part, err := l.read()
		switch {
		case errors.Is(err, io.EOF) && text != "":
			return l.giveUp(text, at, nil)
		case err != nil:
			return "", l.line + 1, err
		case at == 0:
			at, text = l.line, part
		default:
			text += "\n" + part
		}
		if len(text) > longestCommand {
			return l.giveUp(text, at, errLong)
		}
		if open.Open != 0 && !open.MayEnd(part) {
			continue
		}
		if _, err := commands.Split(text); !errors.As(err, &open) {
			return text, at, nil
		}
	}
}

// giveUp returns the error of an incomplete text, or otherwise if the text is complete. The lines after the wrong one
// are read again.
func (l *lines) giveUp(text string, at int, otherwise error) (string, int, error) {
	var open commands.Incomplete
	if _, err := commands.Split(text); !errors.As(err, &open) {
		return text, at, otherwise
	}
	all := strings.Split(text, "\n")
	l.line = at + open.Line - 1
	l.pending = append(all[open.Line:], l.pending...)
	return "", l.line, open
}

// read returns the next line.
func (l *lines) read() (string, error) {
	if len(l.pending) == 0 {
		return l.physical()
	}
	text := l.pending[0]
	l.pending = l.pending[1:]
	l.line++
	return text, nil
}

// physical returns one line without its line end, which may be that of any system.
func (l *lines) physical() (string, error) {
	var b strings.Builder
	for {
		chunk, err := l.r.ReadSlice('\n')
		b.Write(chunk)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && b.Len() <= longestCommand:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return "", errLong
		case err != nil && (!errors.Is(err, io.EOF) || b.Len() == 0):
			if errors.Is(err, io.EOF) {
				return "", io.EOF
			}
			return "", fmt.Errorf("%w: %w", errUnreadable, err)
		}
		l.line++
		text := strings.TrimSuffix(strings.TrimSuffix(b.String(), "\n"), "\r")
		if l.line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		return text, nil
	}
}

// UntilDone returns a reader that returns an error as soon as ctx ends, even while r waits for input. It reads from r
// only when it is read: at a terminal, a command may ask for a password in between.
func UntilDone(ctx context.Context, r io.Reader) io.Reader {
	if _, ok := r.(*os.File); !ok {
		return r
	}
	return &interruptible{ctx: ctx, r: r, got: make(chan chunk, 1)}
}

// An interruptible reads each chunk from r in a goroutine, which never ends if r blocks forever.
type interruptible struct {
	ctx     context.Context
	r       io.Reader
	reading bool // a goroutine is, or its chunk is in got
	got     chan chunk
	left    chunk
}

// A chunk is what one Read returned.
type chunk struct {
	data []byte
	err  error
}

func (i *interruptible) Read(p []byte) (int, error) {
	if len(i.left.data) == 0 && i.left.err == nil {
		if !i.reading {
			i.reading = true
			go func() {
				buffer := make([]byte, 4096)
				n, err := i.r.Read(buffer)
				i.got <- chunk{buffer[:n], err}
			}()
		}
		select {
		case <-i.ctx.Done():
			return 0, i.ctx.Err()
		case i.left = <-i.got:
			i.reading = false
		}
	}
	if len(i.left.data) == 0 {
		return 0, i.left.err
	}
	n := copy(p, i.left.data)
	i.left.data = i.left.data[n:]
	return n, nil
}
