package line

import (
	"sync"
	"time"
)

// A gate makes go-prompt's two goroutines take turns: one reads a key while the other waits,
// then waits until it is drawn. Go-prompt alone would sleep and look, both of them.
type gate struct {
	mu        sync.Mutex
	turn      *sync.Cond
	started   bool // the empty line was drawn: go-prompt draws it before its reader runs
	idle      bool // everything is drawn
	over      bool // the key that ends the line was given
	abandoned bool
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.started, g.idle, g.over = false, false, false
}

// park waits, after a drawing, for the next key.
func (g *gate) park() {
	g.mu.Lock()
	first := !g.started
	g.started, g.idle = true, true
	g.turn.Broadcast()
	for g.idle && !first {
		g.turn.Wait()
	}
	g.mu.Unlock()
	// the key has yet to pass a channel; go-prompt sleeps 10 ms if it looks too early
	time.Sleep(100 * time.Microsecond)
}

// settled waits for the drawing of the last key; false means that the line is over.
func (g *gate) settled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.idle && !g.over || g.abandoned { // go-prompt never stops its reader after a panic
		g.turn.Wait()
	}
	return !g.over
}

func (g *gate) give(last bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle, g.over = false, last
	g.turn.Broadcast()
}

func (g *gate) abandon() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.abandoned = true
}
