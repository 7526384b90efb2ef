package line

import "time"

// This file names the actions, assigns keys to them and passes them to the widget as codes, which are no text. A key
// without an action does nothing.

const (
	escapeTime = 40 * time.Millisecond // time after which an escape byte is the key Esc
	pasteTime  = 3 * time.Second       // time without input after which an unfinished paste ends

	keyEnter   = "\r"
	keyTab     = "\t"
	keyBackTab = "\x1b[Z"
	keyUp      = "\x1b[A"
	keyDown    = "\x1b[B"
)

// code returns the code of the named action.
func code(name string) string { return "\x1b<" + name + ">" }

func keymap() map[string]string {
	keys := map[string]string{}
	for name, sequences := range map[string][]string{
		"enter":          {"\r", "\n"},
		"discard":        {"\x03"},
		"delete-or-end":  {"\x04"},
		"suspend":        {"\x1a"},
		"edit":           {"\x18\x05"},
		"tab":            {"\t"},
		"backtab":        {"\x1b[Z"},
		"up":             {"\x1b[A", "\x1bOA", "\x10"},
		"down":           {"\x1b[B", "\x1bOB", "\x0e"},
		"search":         {"\x12"},
		"cancel":         {"\x1b", "\x07"},
		"home":           {"\x01", "\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~"},
		"end":            {"\x05", "\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~"},
		"left":           {"\x02", "\x1b[D", "\x1bOD"},
		"right":          {"\x06", "\x1b[C", "\x1bOC"},
		"word-left":      {"\x1bb", "\x1bB", "\x1b[1;5D", "\x1b[1;3D", "\x1b[5D", "\x1bOd"},
		"word-right":     {"\x1bf", "\x1bF", "\x1b[1;5C", "\x1b[1;3C", "\x1b[5C", "\x1bOc"},
		"backspace":      {"\x7f", "\x08"},
		"delete":         {"\x1b[3~"},
		"cut-left":       {"\x15"},
		"cut-right":      {"\x0b"},
		"cut-argument":   {"\x17"},
		"cut-word-left":  {"\x1b\x7f", "\x1b\x08"},
		"cut-word-right": {"\x1bd", "\x1bD", "\x1b[3;5~"},
		"yank":           {"\x19"},
		"undo":           {"\x1f", "\x18\x15"},
		"transpose":      {"\x14"},
		"clear":          {"\x0c"},
		"last-argument":  {"\x1b.", "\x1b_"},
	} {
		for _, s := range sequences {
			keys[s] = name
		}
	}
	return keys
}

// actions returns the functions of the names, which change the line in l.ed. A row that was selected at the key is
// already in the line, because the widget accepts it at every key.
func (l *Reader) actions() map[string]func() {
	return map[string]func(){
		"home": l.ed.home, "end": l.ed.end, "left": l.ed.left, "right": l.ed.right,
		"word-left": l.ed.wordLeft, "word-right": l.ed.wordRight,
		"backspace": l.ed.backspace, "delete": l.ed.delete,
		"cut-left":       func() { l.ed.cutLeft(l.count) },
		"cut-right":      func() { l.ed.cutRight(l.count) },
		"cut-argument":   func() { l.ed.cutArgument(l.count) },
		"cut-word-left":  func() { l.ed.cutWordLeft(l.count) },
		"cut-word-right": func() { l.ed.cutWordRight(l.count) },
		"yank":           l.ed.yank, "undo": l.ed.undone, "transpose": l.ed.transpose,
		"last-argument": func() {
			if l.c.LastArgument != nil {
				l.ed.insert([]rune(printable(l.c.LastArgument())))
			}
		},
		"complete": l.completeWord,
		"put":      func() { l.ed.line, l.put = l.put, line{} },
		"wake":     func() {},
		"accept":   func() {},
		"cancel":   l.cancel,
		"search":   l.startSearch,
		"take":     l.takeFound,
		"resize":   l.unselect,
		"clear":    l.clear,
	}
}

// clear clears the window. Then go-prompt draws the line in the first row.
func (l *Reader) clear() {
	_, _ = l.c.Out.WriteString("\x1b[2J\x1b[H")
	l.ui.screen.forget()
}

// nextKey waits for a key and returns text, the code of an action, or a key for the widget.
func (l *Reader) nextKey() string {
	l.count++
	if !l.begun {
		l.begun = true
		return l.give("put")
	}
	if l.submit {
		return l.finish(submitted)
	}
	for quiet := false; ; {
		if l.ended.Load() {
			return l.finish(hungUp)
		}
		for tok, ok := l.in.next(quiet); ok; tok, ok = l.in.next(quiet) {
			if key := l.key(tok); key != "" {
				return key
			}
		}
		if l.resized.Swap(false) {
			return l.give("resize")
		}
		if l.woken.Swap(false) && l.held == nil {
			return l.give("wake")
		}
		limit := time.Duration(0)
		switch {
		case l.in.pasting:
			limit = pasteTime
		case l.in.partial():
			limit = escapeTime
		}
		began := time.Now()
		b, err := l.tty.wait(limit)
		l.ended.CompareAndSwap(false, err != nil)
		if len(b) > 0 && l.idle.Expired() {
			return l.lock()
		} else if len(b) > 0 {
			l.idle.Reset()
		}
		l.in.add(b)
		quiet = limit > 0 && len(b) == 0 && time.Since(began) >= limit
	}
}

// key returns the code of the action of a token for the drawn line; "" for none.
func (l *Reader) key(tok token) string {
	if tok.paste != nil {
		return l.paste(tok.paste)
	}
	if tok.text != "" {
		return l.insert(tok.text)
	}
	name, selecting := l.keys[tok.key], l.held != nil
	switch name {
	case "":
		return ""
	case "enter":
		switch {
		case selecting:
			return l.give("accept") // the first Enter accepts the row, the second runs the line
		case l.search != nil:
			return l.give("take")
		}
		return l.finish(submitted)
	case "discard":
		return l.finish(discarded)
	case "delete-or-end":
		switch {
		case selecting || len(l.now.text) > 0:
			return l.give("delete")
		case l.search != nil:
			return l.give("cancel")
		}
		return l.finish(closedByUser)
	case "suspend":
		return l.finish(suspended)
	case "edit":
		if l.plain || l.c.Editor == "" {
			return ""
		}
		return l.finish(edited)
	case "search":
		if l.plain {
			return ""
		}
	case "tab":
		if l.search == nil && !selecting && l.completesAlone() {
			return l.give("complete")
		}
	case "down":
		if l.search == nil && !selecting && l.boxIsOpen() {
			return l.move("tab")
		}
	case "cancel":
		if l.plain && !selecting {
			return l.finish(declined)
		}
	}
	return l.move(name)
}

// move returns the code of a key, which may move in the box or the history.
func (l *Reader) move(name string) string {
	searching := l.search != nil
	l.given = name
	switch {
	case name == "tab", searching && (name == "down" || name == "search"):
		return keyTab
	case name == "backtab", searching && name == "up":
		return keyBackTab
	case name == "up":
		return keyUp
	case name == "down":
		return keyDown
	}
	return code(name)
}

func (l *Reader) give(name string) string {
	l.given = name
	return code(name)
}

// finish ends the line. It reads typed-ahead input before the terminal leaves raw mode, because the system then
// discards what exceeds its buffer.
func (l *Reader) finish(why ending) string {
	for len(l.in.buf) < maxPaste {
		b, err := l.tty.wait(time.Millisecond)
		if l.in.add(b); err != nil || len(b) == 0 {
			break
		}
	}
	l.given, l.why = "", why
	return keyEnter
}

func (l *Reader) insert(text string) string {
	if len(string(l.now.text))+len(text) > maxLine {
		return l.finish(tooLong)
	}
	l.given = "text"
	return text
}

// paste inserts the first line and stores the others for the next Reads. An answer to a question takes one line only.
func (l *Reader) paste(lines []string) string {
	for _, s := range lines {
		if len(s) > maxLine {
			return l.finish(tooLong)
		}
	}
	last := len(lines) - 1
	if !l.plain && last > 0 {
		l.pasted, l.tail, l.submit = append([]string(nil), lines[1:last]...), lines[last], true
	}
	switch {
	case lines[0] != "":
		key := l.insert(lines[0])
		l.submit = l.submit && l.why == 0
		l.given = "paste"
		return key
	case l.submit:
		return l.finish(submitted)
	}
	return ""
}
