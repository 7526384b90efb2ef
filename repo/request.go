package repo

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
)

// This file creates the keys of requests. They are random, except in a script that is run with an ID: there the same
// line of the same run has the same key, so a second run changes nothing twice.

// requests returns the keys of one write: the first key, and those of retries.
func (l *link) requests() func(try int) string {
	if l.run == nil {
		return func(int) string { return randomKey() }
	}
	return l.run.next()
}

// newRequest returns the key of an atomic script, or ErrRepeated if an earlier run has committed it.
func (db *DB) newRequest(ctx context.Context) (string, error) {
	keys := db.link.requests()
	for try := 0; ; try++ {
		key := keys(try)
		if db.link.run == nil || db.token == nil {
			return key, nil
		}
		switch made, err := db.knownFate(ctx, key); {
		case err != nil:
			return "", err
		case made == nil:
			return key, nil
		case *made:
			return "", ErrRepeated
		}
	}
}

func randomKey() string {
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	return uuid(key, 4)
}

// uuid returns 16 bytes as a UUID of that version (RFC 9562).
func uuid(b [16]byte, version byte) string {
	b[6], b[8] = b[6]&0x0f|version<<4, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// A scriptRun is a script that can be resumed. The key of a write is a hash of the run's ID, the line, the number of
// equal lines before it, and the number of the write in the line.
type scriptRun struct {
	id      string
	skipped atomic.Int64 // writes that an earlier run has made

	mu    sync.Mutex // guards the fields below
	seen  map[string]int
	line  string
	write int
}

// Resume makes all writes of db and its copies part of the script run id. Call it before the first write.
func (db *DB) Resume(id string) { db.link.run = &scriptRun{id: id, seen: map[string]int{}} }

// Line sets the line of a resumed script to which the next writes belong.
func (db *DB) Line(text string) {
	r := db.link.run
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[text]++
	r.line, r.write = fmt.Sprintf("%d\x00%s", r.seen[text], text), 0
}

// Skipped returns the number of writes that an earlier run of the script has made.
func (db *DB) Skipped() int64 {
	if db.link.run == nil {
		return 0
	}
	return db.link.run.skipped.Load()
}

func (r *scriptRun) next() func(try int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write++
	line, write := r.line, r.write
	return func(try int) string {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %d", r.id, line, write, try))
		return uuid([16]byte(sum[:16]), 8)
	}
}
