package security

// This file makes the tokens of the blind index: what lets sealed text be found without
// opening it. A token is a keyed hash of a part of a word, cut to 32 bits; docs/security.md says
// what they tell whoever reads the table, and why 32 bits are enough.
//
//	beginnings   the first letter and the first two of every word
//	trigrams     of the text without blanks, so that loubouzin finds Lou Bouzin
//	characters   and pairs of them, where one means as much as a word (Chinese, Japanese, Korean, pictures)
//	whole        an address, to find it at once
//	digits       every four of a phone number, as dialled from abroad and at home

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	gram       = 3  // letters of the parts that words are searched by
	phoneGram  = 4  // digits of the parts that phone numbers are searched by
	mostAsked  = 16 // tokens that a word of a needle asks for; the rest is left to Score
	mostNeedle = 32 // tokens that a needle asks for
	mostSets   = 16 // sets of tokens that a needle asks for, where there are several keys
)

// The kinds of part keep equal parts of different kinds apart.
const (
	beginning = 'b'
	inside    = 'i'
	whole     = 'w'
	phone     = 'p'
)

// An Index makes tokens. It is safe for concurrent use.
type Index struct {
	hashes *sync.Pool // of hash.Hash, keyed
	others []*Index   // of the keyset's other keys: what is written under them is found too
}

// LoadIndex returns the index of a keyset file's content, as NewKeyset makes it.
func LoadIndex(keysetJSON []byte) (*Index, error) {
	secrets, err := indexSecrets(keysetJSON)
	if err != nil {
		return nil, err
	}
	index := newIndex(secrets[0])
	for _, s := range secrets[1:] {
		index.others = append(index.others, newIndex(s))
	}
	return index, nil
}

func newIndex(key indexSecret) *Index {
	return &Index{hashes: &sync.Pool{New: func() any { return hmac.New(sha256.New, key.Secret) }}}
}

// Plain is the index of what is not sealed: its key is no secret.
var Plain = newIndex(indexSecret{Secret: make([]byte, indexKeySize)})

// String describes the index without its key.
func (x *Index) String() string { return "blind index (HMAC-SHA256)" }

// Format writes String for every verb.
func (x *Index) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, x.String()) }

// MarshalText returns String, so that JSON and logs get it too.
func (x *Index) MarshalText() ([]byte, error) { return []byte(x.String()), nil }

// Tokens are what a text is found by, each once, in ascending order.
func (x *Index) Tokens(text string) []int32 {
	t := x.taker()
	defer t.done()
	if international, national, ok := phoneForms(text); ok {
		t.parts(phone, international, phoneGram)
		t.parts(phone, national, phoneGram)
		return t.sorted()
	}
	all := words(text)
	for _, w := range all {
		t.beginnings(w)
	}
	joined := strings.Join(all, "")
	t.parts(inside, joined, gram)
	t.characters(joined)
	if strings.Contains(text, "@") {
		t.take(whole, joined)
	}
	return t.sorted()
}

// Needle turns what somebody searches into sets of tokens; a text that matches holds all tokens of at
// least one set. Exact finds whole addresses, starts only texts with words that begin so, anywhere
// all that may match. What they find must be checked with Score. Nothing to search gives none.
func (x *Index) Needle(text string) (exact, starts, anywhere [][]int32) {
	for _, terms := range alternatives(text) {
		starts = append(starts, x.asked(terms, true)...)
		anywhere = append(anywhere, x.asked(terms, false)...)
	}
	if strings.Contains(text, "@") && anywhere != nil {
		for _, key := range x.keys() {
			t := key.taker()
			t.take(whole, strings.Join(words(text), ""))
			exact = append(exact, t.sorted())
			t.done()
		}
	}
	return exact, starts, anywhere
}

// keys are the index itself and those of the keyset's other keys.
func (x *Index) keys() []*Index { return append([]*Index{x}, x.others...) }

// asked are the tokens of all terms; with starts also those of the words' beginnings. With several keys each term may be
// written under any of them, also in one record: one set for each combination, and terms that would make too many are
// left to Score.
func (x *Index) asked(terms []term, starts bool) [][]int32 {
	sets := [][]int32{nil}
	for _, term := range terms {
		var longer [][]int32
		for _, key := range x.keys() {
			t := key.taker()
			t.ask(term, starts)
			for _, set := range sets {
				longer = append(longer, append(slices.Clone(set), t.tokens...))
			}
			t.done()
		}
		if len(longer) > mostSets || len(sets[0]) >= mostNeedle {
			break
		}
		sets = longer
	}
	for i, set := range sets {
		slices.Sort(set)
		sets[i] = slices.Compact(set)
	}
	return sets
}

// A taker collects tokens.
type taker struct {
	index  *Index
	hash   hash.Hash
	tokens []int32
	buffer [sha256.Size]byte
	offset []int // where the characters of the text begin
}

func (x *Index) taker() *taker {
	return &taker{index: x, hash: x.hashes.Get().(hash.Hash), tokens: make([]int32, 0, 48)}
}

func (t *taker) done() { t.index.hashes.Put(t.hash) }

func (t *taker) sorted() []int32 {
	slices.Sort(t.tokens)
	return slices.Compact(t.tokens)
}

// take adds the token of one part.
func (t *taker) take(kind byte, part string) {
	t.hash.Reset()
	b := append(t.buffer[:0], kind)
	b = append(b, part...)
	_, _ = t.hash.Write(b)
	sum := t.hash.Sum(t.buffer[:0])
	t.tokens = append(t.tokens, int32(binary.BigEndian.Uint32(sum)))
}

// parts adds every part of n characters.
func (t *taker) parts(kind byte, text string, n int) {
	t.offset = t.offset[:0]
	for i := range text {
		t.offset = append(t.offset, i)
	}
	t.offset = append(t.offset, len(text))
	for i := 0; i+n < len(t.offset); i++ {
		t.take(kind, text[t.offset[i]:t.offset[i+n]])
	}
}

// beginnings adds the first letter and the first two.
func (t *taker) beginnings(word string) {
	_, one := utf8.DecodeRuneInString(word)
	t.take(beginning, word[:one])
	if len(word) > one {
		_, two := utf8.DecodeRuneInString(word[one:])
		t.take(beginning, word[:one+two])
	}
}

// characters adds the dense characters and their pairs.
func (t *taker) characters(text string) {
	if isASCII(text) {
		return
	}
	last := -1 // where the dense character before began
	for i, r := range text {
		if !dense(r) {
			last = -1
			continue
		}
		end := i + utf8.RuneLen(r)
		t.take(inside, text[i:end])
		if last >= 0 {
			t.take(inside, text[last:end])
		}
		last = i
	}
}

// ask adds the tokens that a term asks for.
func (t *taker) ask(of term, starts bool) {
	before := len(t.tokens)
	switch n := utf8.RuneCountInString(of.text); {
	case of.digits:
		t.parts(phone, of.text, phoneGram)
	case n >= gram:
		t.parts(inside, of.text, gram)
	case isDense(of.text):
		t.take(inside, of.text)
	default:
		t.take(beginning, of.text)
		return
	}
	if asked := t.tokens[before:]; len(asked) > mostAsked { // spread over the word
		for i := range mostAsked {
			asked[i] = asked[i*len(asked)/mostAsked]
		}
		t.tokens = t.tokens[:before+mostAsked]
	}
	if starts && !of.digits {
		t.beginnings(of.text)
	}
}
