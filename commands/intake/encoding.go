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

// marked returns the encoding of a text with a byte order mark, or UTF-16 if every other byte of its head is 0; nil
// for other texts.
func marked(head []byte) encoding.Encoding {
	zeros := [2]int{}
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), zeros[1] > len(head)/3 && zeros[0] == 0:
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case bytes.HasPrefix(head, []byte("\xfe\xff")), zeros[0] > len(head)/3 && zeros[1] == 0:
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return unicode.UTF8BOM
	}
	return nil
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
