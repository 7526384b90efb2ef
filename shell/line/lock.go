package line

// This file locks the prompt. The first key after the idle time is discarded, and so is all input that came with it.

// lock ends the line and saves it, without a selected row or a search.
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

// unlock calls Config.Unlock and reports whether editing continues.
func (l *Reader) unlock() bool {
	l.in, l.put = tokenizer{}, l.kept
	unlocked := l.c.Unlock()
	l.tty.dropTyped() // input that was typed while the password was checked
	l.idle.Reset()    // typing the password is activity
	if !unlocked {
		l.DropPasted()
	}
	return unlocked
}
