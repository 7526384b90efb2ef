// Package operator implements the commands that an administrator runs outside of crm's prompt.
package operator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"crm/repo"
)

// This file defines the format of a backup: pg_dump's custom format, followed by three lines:
//
//	crm-backup 1
//	{the manifest as JSON}
//	sha256:{64 hex digits, of every byte before this line}
//
// pg_restore ignores the three lines, so it can restore a backup without crm. An encrypted backup is an age file
// (age-encryption.org/v1) of the same content.

const (
	format       = 1
	dumpMagic    = "PGDMP"
	sumLabel     = "sha256:"
	sumLine      = len(sumLabel) + 2*sha256.Size + 1
	trailerLimit = 1 << 20 // maximal bytes of the three lines
)

// The line before the manifest. It begins with a line feed, because the dump does not end with one.
var formatLine = regexp.MustCompile(`\ncrm-backup ([0-9]{1,9})\n`)

// A backupWriter writes a dump to out and computes its length and digest.
type backupWriter struct {
	out    io.Writer
	digest hashWriter
}

type hashWriter interface {
	io.Writer
	Sum([]byte) []byte
}

func newBackupWriter(out io.Writer) *backupWriter { return &backupWriter{out, sha256.New()} }

func (w *backupWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	_, _ = w.digest.Write(p[:n])
	return n, err
}

// finish writes the lines after the dump.
func (w *backupWriter) finish(m repo.Manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "\ncrm-backup %d\n%s\n", format, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "%s%x\n", sumLabel, w.digest.Sum(nil))
	return err
}

// A content describes a backup file that was read completely and is undamaged.
type content struct {
	manifest repo.Manifest
	dump     int64 // length of the dump, bytes
	sum      [sha256.Size]byte
}

// examine reads a whole backup. It holds only the last three lines in memory.
func examine(r io.Reader) (c content, err error) {
	var length int64
	var head, tail []byte
	digest := sha256.New()
	chunk := make([]byte, 1<<18)
	for {
		n, err := r.Read(chunk)
		length += int64(n)
		head = append(head, chunk[:min(n, len(dumpMagic)-len(head))]...)
		if tail = append(tail, chunk[:n]...); len(tail) > 2*trailerLimit {
			keep := len(tail) - trailerLimit
			_, _ = digest.Write(tail[:keep])
			tail = append(tail[:0], tail[keep:]...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
	}
	isDump := string(head) == dumpMagic
	body, sum, ended := cutSum(tail)
	if !ended && !isDump {
		return c, errForeign
	}
	_, _ = digest.Write(body)
	digest.Sum(c.sum[:0])
	marks := formatLine.FindAllSubmatchIndex(body, -1)
	if !ended || !bytes.Equal(sum, c.sum[:]) || marks == nil {
		return c, errDamaged
	}
	mark := marks[len(marks)-1]
	if version, _ := strconv.Atoi(string(body[mark[2]:mark[3]])); version > format {
		return c, errNewFormat
	}
	if err := json.Unmarshal(body[mark[1]:], &c.manifest); err != nil || !isDump {
		return c, errDamaged
	}
	c.dump = length - int64(len(tail)) + int64(mark[0])
	return c, nil
}

// cutSum removes the last line.
func cutSum(tail []byte) (body, sum []byte, ended bool) {
	if len(tail) < sumLine {
		return tail, nil, false
	}
	body, line := tail[:len(tail)-sumLine], tail[len(tail)-sumLine:]
	digits, labelled := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n")), []byte(sumLabel))
	sum, err := hex.DecodeString(string(digits))
	return body, sum, labelled && err == nil && line[len(line)-1] == '\n'
}

// An archive reads the dump of an examined backup, and then checks that the file has not changed since.
type archive struct {
	file io.Reader // all of it
	dump io.Reader
	seen hashWriter
	want [sha256.Size]byte
}

func newArchive(file io.Reader, c content) *archive {
	a := &archive{file: file, seen: sha256.New(), want: c.sum}
	a.dump = io.TeeReader(io.LimitReader(file, c.dump), a.seen)
	return a
}

func (a *archive) Read(p []byte) (int, error) { return a.dump.Read(p) }

// whole reads the rest of the file and compares the digest.
func (a *archive) whole() error {
	tail, err := io.ReadAll(io.LimitReader(a.file, trailerLimit+1))
	if err != nil {
		return err
	}
	body, _, _ := cutSum(tail)
	_, _ = a.seen.Write(body)
	if !bytes.Equal(a.seen.Sum(nil), a.want[:]) {
		return errDamaged // changed since it was examined
	}
	return nil
}
