package finding

// This file computes the tokens of the blind index, with which a database finds encrypted text without decrypting it. A
// token is a keyed hash of a part of a word, cut to 32 bits; docs/security.md explains what a reader of the table
// learns from tokens and why 32 bits are enough. Parts are:
//
//	beginnings   the first letter and the first two of every word
//	trigrams     of the text without blanks, so that loubouzin finds Lou Bouzin
//	characters   and pairs of them, of scripts without spaces (Chinese, Japanese, Korean), and pictures
//	whole        an address
//	digits       every four digits of a phone number, in its international and its national form

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
	gram       = 3  // letters of a part of a word
	phoneGram  = 4  // digits of a part of a phone number
	mostAsked  = 16 // maximum of tokens for a word of a needle; Score compares the rest
	mostNeedle = 32 // maximum of tokens for a needle
	mostSets   = 16 // maximum of sets of tokens for a needle, if there are several keys
)

// The kinds of parts. Equal parts of different kinds have different tokens.
const (
	beginning = 'b'
	inside    = 'i'
	whole     = 'w'
	phone     = 'p'
)

// An Index computes tokens. It is safe for concurrent use.
type Index struct {
	hashes *sync.Pool // of hash.Hash, keyed
	others []*Index   // for the other secrets
}

// NewIndex returns the index of a secret. Its needles also find text that was indexed with the other secrets.
func NewIndex(secret []byte, others ...[]byte) *Index {
	x := &Index{hashes: &sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
	for _, s := range others {
		x.others = append(x.others, NewIndex(s))
	}
	return x
}

// Plain returns the index of text that is not encrypted. Its key is public.
var Plain = NewIndex(make([]byte, 32))

// String describes the index without its key.
func (x *Index) String() string { return "blind index (HMAC-SHA256)" }

// Format writes String for every verb.
func (x *Index) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, x.String()) }

// MarshalText returns String, so that JSON and logs get it too.
func (x *Index) MarshalText() ([]byte, error) { return []byte(x.String()), nil }

// Tokens returns the tokens of a text, each once, in ascending order.
func (x *Index) Tokens(text string) []int32 {
	t := x.taker()
	defer t.done()
	if international, national, ok := phoneForms(text); ok {
		t.parts(phone, international, phoneGram)
		t.parts(phone, national, phoneGram)
		return t.sorted()
	}
	all := Words(text)
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

// Needle returns sets of tokens for a needle. The fields of a matching record have all tokens of at least one set: of
// anywhere; of starts if the score is MatchStart; of exact if the needle is a whole address. Not every record with
// these tokens matches, so the caller checks with Score. A needle without words has no sets.
func (x *Index) Needle(text string) (exact, starts, anywhere [][]int32) {
	for _, terms := range alternatives(text) {
		starts = append(starts, x.asked(terms, true)...)
		anywhere = append(anywhere, x.asked(terms, false)...)
	}
	if strings.Contains(text, "@") && anywhere != nil {
		for _, key := range x.keys() {
			t := key.taker()
			t.take(whole, strings.Join(Words(text), ""))
			exact = append(exact, t.sorted())
			t.done()
		}
	}
	return exact, starts, anywhere
}

// keys returns the index itself and those of the keyset's other keys.
func (x *Index) keys() []*Index { return append([]*Index{x}, x.others...) }

// asked returns sets of tokens for terms; with starts also the tokens of the words' beginnings. A term may be stored
// under any key and in any spelling, even within one record, so there is one set for each combination. Terms with too
// many combinations are ignored here; Score compares them.
func (x *Index) asked(terms []term, starts bool) [][]int32 {
	sets := [][]int32{nil}
	for _, term := range terms {
		spellings := term.spellings()
		if spellings == nil || len(sets[0]) >= mostNeedle {
			continue
		}
		var longer [][]int32
		for _, spelling := range spellings {
			for _, key := range x.keys() {
				t := key.taker()
				t.ask(spelling, starts)
				for _, set := range sets {
					longer = append(longer, append(slices.Clone(set), t.tokens...))
				}
				t.done()
			}
		}
		if len(longer) <= mostSets {
			sets = longer
		}
	}
	for i, set := range sets {
		slices.Sort(set)
		sets[i] = slices.Compact(set)
	}
	return sets
}

// spellings returns the terms for which the term may stand, nil if there are too many.
func (t term) spellings() (spellings []term) {
	if t.digits {
		return []term{t}
	}
	for _, text := range untranscribed(t.text) {
		spellings = append(spellings, term{text: text})
	}
	return spellings
}

// A taker collects tokens.
type taker struct {
	index  *Index
	hash   hash.Hash
	tokens []int32
	buffer [sha256.Size]byte
	offset []int // the offsets of the text's characters
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
	last := -1 // the offset of the previous dense character
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

// ask adds the tokens for a term.
func (t *taker) ask(wanted term, starts bool) {
	before := len(t.tokens)
	switch n := utf8.RuneCountInString(wanted.text); {
	case wanted.digits:
		t.parts(phone, wanted.text, phoneGram)
	case n >= gram:
		t.parts(inside, wanted.text, gram)
	case isDense(wanted.text):
		t.take(inside, wanted.text)
	default:
		t.take(beginning, wanted.text)
		return
	}
	if asked := t.tokens[before:]; len(asked) > mostAsked { // choose tokens from the whole word
		for i := range mostAsked {
			asked[i] = asked[i*len(asked)/mostAsked]
		}
		t.tokens = t.tokens[:before+mostAsked]
	}
	if starts && !wanted.digits {
		t.beginnings(wanted.text)
	}
}
