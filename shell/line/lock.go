package line

// This file locks the line: the first key after the idle time, and everything that came with it, is thrown away.

// lock ends go-prompt's part; what the line held without a selected row, or a search, is kept.
func (l *Reader) lock() string {
	l.kept = l.now
	if l.held != nil {
		l.kept = *l.held
	}
	if l.search != nil {
		l.kept = *l.search
	}
	return l.finish(locked)
}

// unlock reports whether the line goes on, with the cursor where it was.
func (l *Reader) unlock() bool {
	l.in, l.put = tokenizer{}, l.kept
	unlocked := l.c.Unlock()
	l.tty.dropTyped() // while the password was judged
	l.idle.Reset()    // keys were pressed
	if !unlocked {
		l.DropPasted()
	}
	return unlocked
}
