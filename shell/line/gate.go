package line

import (
	"sync"
	"time"
)

// A gate makes go-prompt's two goroutines take turns: one reads a key, the other draws it. By itself, go-prompt polls
// in both.
type gate struct {
	mu        sync.Mutex
	turn      *sync.Cond
	started   bool // go-prompt has drawn the empty line, before its reader runs
	idle      bool // everything is drawn
	over      bool // the key that ends the line was passed on
	abandoned bool
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.started, g.idle, g.over = false, false, false
}

// park waits for the next key after a drawing.
func (g *gate) park() {
	g.mu.Lock()
	first := !g.started
	g.started, g.idle = true, true
	g.turn.Broadcast()
	for g.idle && !first {
		g.turn.Wait()
	}
	g.mu.Unlock()
	// the key must first pass a channel; if go-prompt polls too early, it sleeps 10 ms
	time.Sleep(100 * time.Microsecond)
}

// drawn waits until the last key is drawn. It returns false if the line has ended.
func (g *gate) drawn() bool {
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
