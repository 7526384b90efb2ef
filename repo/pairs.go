package repo

import (
	"cmp"
	"context"
	"hash/maphash"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// This file lists pairs of similar customers. It reads all customers once and keeps only hashes that similar customers
// have in common. Then it reads those that share one with another, and compares them.

// A Pair is two similar customers; the first is the older one.
type Pair struct {
	First Customer
	Likeness
}

// mostAlike is the number of older customers with which each customer is paired.
const mostAlike = 5

// CustomerPairs returns pairs of similar live customers, the most similar first.
func (db *DB) CustomerPairs(ctx context.Context) ([]Pair, error) {
	likely, err := db.likelyPairs(ctx)
	if err != nil {
		return nil, err
	}
	var pairs []Pair
	before := newCustomerIndex(db.vault)
	pair := func(c Customer) {
		i := before.keyed(c)
		alike := before.like(i)
		for _, l := range alike[:min(len(alike), mostAlike)] {
			first := l.Customer
			l.Customer = c
			pairs = append(pairs, Pair{first, l})
		}
		before.add(i)
	}
	for ids := range slices.Chunk(likely, mostTogether) {
		query := likeFrom().Where("id = any(?::bigint[]) and deleted_at is null", ids).OrderBy("id")
		var found []Customer
		err := db.ask(ctx, inOrder(), step{query, func(rows pgx.Rows) error {
			found = nil // a batch that is sent again reads them again
			return db.eachCompared(func(c Customer) { found = append(found, c) })(rows)
		}})
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			pair(c)
		}
	}
	slices.SortStableFunc(pairs, func(a, b Pair) int { return cmp.Compare(a.rank(), b.rank()) })
	return pairs, nil
}

// likelyPairs returns the IDs of the live customers that share a hash with another, in ascending order. All similar
// customers do. Others do by chance: three in a thousand of a million.
func (db *DB) likelyPairs(ctx context.Context) ([]int64, error) {
	var ids []int64
	h := &hashing{}
	err := db.ask(ctx, step{likeFrom().Where("deleted_at is null").OrderBy("id"), func(rows pgx.Rows) (err error) {
		h = &hashing{db: db, keys: newCustomerIndex(db.vault)}
		ids, err = h.read(rows)
		return err
	}})
	if err != nil {
		return nil, err
	}
	shared := make([]bool, len(ids))
	h.shared(func(place uint32) { shared[place] = true })
	likely := make([]int64, 0, 1000)
	for place, id := range ids {
		if shared[place] {
			likely = append(likely, id)
		}
	}
	return likely, nil
}

const (
	hashBits  = 6 // that choose a part
	hashParts = 1 << hashBits
	hashChunk = 512 // customers
)

// A hashing computes the hashes of customers on all processors.
type hashing struct {
	db   *DB
	keys *CustomerIndex // for its methods; it stays empty

	mu    sync.Mutex          // guards parts
	parts [hashParts][]uint64 // by the first bits of the hash: the next 32 bits, and the place of the customer
}

// A chunk is rows of customers. The first one has the place.
type chunk struct {
	place uint64
	rows  []sealedCustomer
}

// read computes the hashes of all rows and returns their IDs.
func (h *hashing) read(rows pgx.Rows) (ids []int64, err error) {
	chunks := make(chan chunk, 2*runtime.GOMAXPROCS(0))
	var working sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		working.Go(func() {
			for c := range chunks {
				h.add(c)
			}
		})
	}
	var c sealedCustomer
	next := chunk{}
	_, err = pgx.ForEachRow(rows, c.targets(), func() error {
		ids, next.rows = append(ids, c.id), append(next.rows, c)
		c = sealedCustomer{} // its bytes are those of the row that was added
		if len(next.rows) == hashChunk {
			chunks <- next
			next = chunk{uint64(len(ids)), make([]sealedCustomer, 0, hashChunk)}
		}
		return nil
	})
	chunks <- next
	close(chunks)
	working.Wait()
	return ids, err
}

// add adds the hashes of the customers of a chunk.
func (h *hashing) add(c chunk) {
	var parts [hashParts][]uint64
	for n, row := range c.rows {
		place := c.place + uint64(n)
		h.keys.hashes(h.keys.keyed(h.db.opened(row)), func(hash uint64) {
			part := hash >> (64 - hashBits)
			parts[part] = append(parts[part], hash<<hashBits>>32<<32|place)
		})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, part := range parts {
		h.parts[i] = append(h.parts[i], part...)
	}
}

// shared calls do for the place of each customer that has a hash of another one, maybe several times.
func (h *hashing) shared(do func(place uint32)) {
	var sorting sync.WaitGroup
	for _, part := range h.parts {
		sorting.Go(func() { slices.Sort(part) })
	}
	sorting.Wait()
	for _, part := range h.parts {
		for i := 1; i < len(part); i++ {
			if a, b := part[i-1], part[i]; a != b && a>>32 == b>>32 {
				do(uint32(a))
				do(uint32(b))
			}
		}
	}
}

// hashes calls do for each hash that a customer has in common with similar ones: of its email, its phone, and of its
// company and person. Two texts that differ by one typo are equal if one character is left out of one or of both of
// them, so the names have a hash for each character that is left out of one of them.
func (x *CustomerIndex) hashes(i indexed, do func(uint64)) {
	var h maphash.Hash
	salted := func(kind byte, text, more, rest string) {
		h.SetSeed(x.seed)
		_ = h.WriteByte(kind) // the writers never fail
		_, _ = h.WriteString(text)
		_ = h.WriteByte(0)
		_, _ = h.WriteString(more)
		_, _ = h.WriteString(rest)
		do(h.Sum64())
	}
	if i.plainEmail != "" {
		salted(byEmail, i.plainEmail, "", "")
	}
	if i.phone != "" {
		salted(byPhone, i.phone, "", "")
	}
	if i.company == "" || i.person == "" {
		return
	}
	for _, names := range []struct {
		kind       byte
		kept, part string
	}{{byCompany, i.company, i.person}, {byPerson, i.person, i.company}} {
		salted(names.kind, names.kept, names.part, "")
		for at := 0; at < len(names.part); {
			_, size := utf8.DecodeRuneInString(names.part[at:])
			salted(names.kind, names.kept, names.part[:at], names.part[at+size:])
			at += size
		}
	}
}
