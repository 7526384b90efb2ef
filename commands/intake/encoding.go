package intake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// This file recognises the encoding of a text.

// decoded returns the file as UTF-8 without a byte order mark. Without such a mark, text is UTF-8 if all of it is
// valid, else UTF-16 if every other byte at its start is 0, else Windows-1252, which includes Latin-1.
func decoded(file *os.File, head []byte) (io.Reader, error) {
	from := marked(head)
	if from == nil {
		isUTF8, err := isUTF8(file)
		if err != nil {
			return nil, err
		}
		if isUTF8 {
			return file, nil
		}
		from = charmap.Windows1252
	}
	return transform.NewReader(file, from.NewDecoder()), nil
}

// marked returns the encoding of a text with a byte order mark, or UTF-16 if its head looks so; nil for other texts.
func marked(head []byte) encoding.Encoding {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), isWide(head, 1):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case bytes.HasPrefix(head, []byte("\xfe\xff")), isWide(head, 0):
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return unicode.UTF8BOM
	}
	return nil
}

// isWide reports whether a text looks like UTF-16 whose high bytes are at odd places (1), or at even ones (0): zeros
// are there alone, and they are many, or one of them belongs to the break of a line. In Japanese, few characters have
// one.
func isWide(head []byte, high int) bool {
	zeros, breaks := 0, 0
	for i := 0; i+1 < len(head); i += 2 {
		if head[i+1-high] == 0 {
			return false
		}
		if head[i+high] == 0 {
			zeros++
			if head[i+1-high] == '\n' {
				breaks++
			}
		}
	}
	return zeros > len(head)/3 || zeros > breaks && breaks > 0
}

// isUTF8 reports whether all of a file is valid UTF-8, and seeks to its start. It returns an error if only some lines
// are: each encoding would change the text of the others.
func isUTF8(file *os.File) (is bool, err error) {
	buffer, kept := make([]byte, most), 0
	line, invalid, isMixed := 1, 0, false
	for {
		n, err := file.Read(buffer[kept:])
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return false, fmt.Errorf("reading: %w", err)
		}
		text := buffer[:kept+n]
		for len(text) > 0 {
			r, size := utf8.DecodeRune(text)
			if r == utf8.RuneError && size == 1 && !utf8.FullRune(text) && !ended {
				break
			}
			switch {
			case r == '\n':
				line++
			case r == utf8.RuneError && size == 1 && invalid == 0:
				invalid = line
			case size > 1 && (text[0] == 0xc3 || text[0] == 0xe2): // é or ’, and in no word of Windows-1252
				isMixed = true
			}
			text = text[size:]
		}
		kept = copy(buffer, text)
		if ended {
			break
		}
	}
	if invalid > 0 && isMixed {
		return false, problem("save it as UTF-8", "is partly UTF-8 and partly not: line %d is in another encoding",
			invalid)
	}
	_, err = file.Seek(0, io.SeekStart)
	return invalid == 0, err
}
