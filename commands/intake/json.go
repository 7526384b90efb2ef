package intake

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
)

// This file reads JSON: an array of objects, or an object a line (NDJSON), as exports write them. A key is a column; a
// missing value is an empty cell.

// objects matches the beginning of such a file.
var objects = regexp.MustCompile(`^(\[\s*\{|\[\s*\]|\{\s*")`)

// mostKeys is the number of different keys that the objects of a file may have: each row has a cell for every one.
const mostKeys = 1000

var errNoObject = errors.New("no object")

// An objectReader reads the objects of a file.
type objectReader struct {
	limited *limitedReader
	decoder *json.Decoder
	inArray bool
	count   int
}

func (f *File) objectReader(head []byte) (*objectReader, error) {
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	text, err := decoded(f.file, head)
	if err != nil {
		return nil, err
	}
	r := &objectReader{limited: &limitedReader{bufio.NewReaderSize(text, most), mostRecord}}
	r.decoder = json.NewDecoder(r.limited)
	r.decoder.UseNumber()
	return r, nil
}

// next calls add with each key and value of the next object, and with what a value is that is no text or number. It
// returns io.EOF after the last one.
func (r *objectReader) next(add func(key, value, odd string)) error {
	r.limited.left = mostRecord
	token, err := r.decoder.Token()
	if err == nil && token == json.Delim('[') && !r.inArray && r.count == 0 {
		r.inArray = true
		token, err = r.decoder.Token()
	}
	if err == nil && token == json.Delim(']') && r.inArray {
		if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
			return errNoObject
		}
		return io.EOF
	}
	if errors.Is(err, io.EOF) && r.inArray {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return errNoObject
	}
	r.count++
	err = r.members(add)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// members reads the keys and values of an object.
func (r *objectReader) members(add func(key, value, odd string)) error {
	seen := map[string]bool{}
	for r.decoder.More() {
		key, err := r.decoder.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := r.decoder.Decode(&value); err != nil {
			return err
		}
		text, odd := string(value), ""
		switch value[0] {
		case '"':
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
		case '{':
			odd = "is an object"
		case '[':
			odd = "is a list"
		case 't', 'f':
			odd = "is " + text
		case 'n':
			text = ""
		}
		name, _ := key.(string) // keys are strings
		if seen[name] {
			odd = "is there twice"
		}
		seen[name] = true
		add(name, text, odd)
	}
	_, err := r.decoder.Token()
	return err
}

// readJSON reads a file of objects. It reads the file twice: first the keys of all objects.
func (f *File) readJSON(head []byte) error {
	objects, err := f.objectReader(head)
	if err != nil {
		return err
	}
	place := map[string]int{}
	for err == nil && len(place) <= mostKeys {
		err = objects.next(func(key, _, _ string) {
			if _, known := place[key]; !known {
				place[key] = len(place)
				f.Header.Cells = append(f.Header.Cells, key)
			}
		})
	}
	switch {
	case len(place) > mostKeys:
		return problem("", "has records with more than %d different keys", mostKeys)
	case !errors.Is(err, io.EOF):
		return malformedJSON(err, objects.count)
	case len(place) == 0:
		return problem("", "has no records")
	}
	if objects, err = f.objectReader(head); err != nil {
		return err
	}
	f.Unit = "record"
	f.next = func() (Row, error) {
		row := Row{Cells: make([]string, len(place))}
		err := objects.next(func(key, value, odd string) {
			at, known := place[key]
			if !known {
				return
			}
			row.Cells[at] = value
			if odd != "" {
				if row.Odd == nil {
					row.Odd = map[int]string{}
				}
				row.Odd[at] = odd
			}
		})
		if err != nil && !errors.Is(err, io.EOF) {
			return Row{}, malformedJSON(err, objects.count)
		}
		row.Line = objects.count
		return row, err
	}
	return nil
}

// malformedJSON returns the error of a file for users. count is the number of objects that were begun.
func malformedJSON(err error, count int) error {
	var path *os.PathError
	switch {
	case errors.Is(err, errLong):
		return problem("", "has a record of more than %d KiB, number %d: is a quote open there?", mostRecord>>10,
			max(count, 1))
	case errors.As(err, &path):
		return err
	case errors.Is(err, errNoObject):
		return problem("", "has something else than an object behind record %d", count)
	}
	return problem("", "is not JSON from record %d on", max(count, 1))
}
