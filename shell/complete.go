package shell

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"crm/commands"
	"crm/shell/line"
)

// This file completes from the command table and from live data, which is fetched in the
// background: a keystroke only ever reads memory.

const (
	freshFor    = 10 * time.Second // live data is taken from the cache
	fetchBudget = 5 * time.Second
	mostRecent  = 10_000 // values whose use is remembered

	mostAnswers = 500 // words and kinds whose values are remembered

	mostSuggestions = 100
)

// A completer remembers live data. Its results belong to one generation: what is signed in, or
// written, makes a new one, and answers to older questions are thrown away.
type completer struct {
	session func() *commands.Session
	now     func() time.Time
	wake    func() // says that more is known

	recency map[commands.Use]int // when a value was last used, counted in commands
	count   int

	mu         sync.Mutex
	generation int
	known      map[string]answers
	fetching   map[string]bool
	searching  string          // the key of the newest search
	current    context.Context // which ends with it
	stopSearch context.CancelFunc
}

type answers struct {
	choices []commands.Choice
	at      time.Time
}

func newCompleter(session func() *commands.Session, wake func()) *completer {
	c := &completer{session: session, now: time.Now, wake: wake, recency: map[commands.Use]int{}}
	c.forget()
	return c
}

// used remembers the values of a command that succeeded: of two values of a kind that fit equally well, the one that
// was used last comes first.
func (c *completer) used(values []commands.Use) {
	c.count++
	for _, v := range values {
		if len(c.recency) < mostRecent {
			c.recency[v] = c.count
		}
	}
}

// byUse sorts values of a kind by their last use, the others behind them as they were.
func (c *completer) byUse(k commands.Kind, choices []commands.Choice) []commands.Choice {
	last := func(choice commands.Choice) int {
		return c.recency[k.Use(choice.Text)]
	}
	sorted := slices.Clone(choices)
	slices.SortStableFunc(sorted, func(a, b commands.Choice) int { return last(b) - last(a) })
	return sorted
}

// forget drops all live data.
func (c *completer) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.known, c.fetching = map[string]answers{}, map[string]bool{}
}

// complete lists the words that may replace before[start:] in a command.
func (c *completer) complete(before string) (start int, list []line.Suggestion) {
	s := c.session()
	return c.suggest(s.Table.Complete(s, before))
}

// answer lists the values that may replace before[start:] in the answer for a blank.
func (c *completer) answer(b commands.Blank, before string) (start int, list []line.Suggestion) {
	return c.suggest(b.CompleteAnswer(c.session(), before))
}

// suggest adds what the database or the file system knows to a completion.
func (c *completer) suggest(found commands.Completion) (start int, list []line.Suggestion) {
	choices := found.Choices
	switch k := found.Kind; {
	case k.Live != nil:
		choices = append(found.Rank(c.byUse(k, c.recall(k.Identity(), k.Live))), choices...)
		if found.Searchable() {
			choices = found.With(c.search(k, found.Word), choices)
		}
	case k.Files:
		dir, _ := filepath.Split(found.Word)
		choices = found.Rank(c.recall("file:"+dir, func(context.Context, *commands.Session) ([]commands.Choice, error) {
			return filesIn(dir)
		}))
	}
	list = make([]line.Suggestion, len(choices), len(choices)+1)
	for i, choice := range choices {
		list[i] = line.Suggestion{Text: choice.Text, Description: choice.Help}
	}
	if found.Hint != "" {
		list = append(list[:min(len(list), mostSuggestions-1)], line.Suggestion{Description: found.Hint})
	}
	return found.Start, list
}

// search recalls what the database finds for a word. A newer word ends the search for an older one, and an answer is
// kept under its own word: it never stands where another was asked for.
func (c *completer) search(k commands.Kind, word string) []commands.Choice {
	key := "search:" + k.Identity() + ":" + word
	c.mu.Lock()
	if c.searching != key {
		if c.stopSearch != nil {
			c.stopSearch()
		}
		if len(c.known) > mostAnswers {
			c.known = map[string]answers{}
		}
		c.searching = key
		c.current, c.stopSearch = context.WithCancel(context.Background())
	}
	wanted := c.current
	c.mu.Unlock()
	return c.recall(key, func(ctx context.Context, s *commands.Session) ([]commands.Choice, error) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(wanted, stop)()
		choices, err := k.Search(ctx, s, word)
		if wanted.Err() != nil {
			err = wanted.Err()
		}
		return choices, err
	})
}

// recall answers from memory and refreshes in the background what is not there or old.
func (c *completer) recall(key string,
	fetch func(context.Context, *commands.Session) ([]commands.Choice, error),
) []commands.Choice {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.known[key]
	if c.fetching[key] || !known.at.IsZero() && c.now().Sub(known.at) < freshFor {
		return known.choices
	}
	c.fetching[key] = true
	session, generation := *c.session(), c.generation // the fetch has its own copy
	session.DB = session.DB.Quiet()
	go func() {
		ctx, stop := context.WithTimeout(context.Background(), fetchBudget)
		defer stop()
		choices, err := func() (choices []commands.Choice, err error) {
			defer func() { _ = recover() }() // completion is a convenience: it never ends the shell
			return fetch(ctx, &session)
		}()
		c.mu.Lock()
		current := generation == c.generation
		if current {
			delete(c.fetching, key)
			if err != nil {
				choices = c.known[key].choices // better old than none, while the database is away
			}
			if !errors.Is(err, context.Canceled) { // nobody waits for it any more: asked again, it is fetched again
				c.known[key] = answers{choices, c.now()}
			}
		}
		c.mu.Unlock()
		if current {
			c.wake()
		}
	}()
	return known.choices
}

// filesIn lists a directory; directories end with a separator.
func filesIn(dir string) ([]commands.Choice, error) {
	at := dir
	if at == "" {
		at = "."
	}
	entries, err := os.ReadDir(at)
	var choices []commands.Choice
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		name := dir + e.Name()
		if e.IsDir() {
			name += string(filepath.Separator)
		}
		choices = append(choices, commands.Choice{Text: name})
	}
	return choices, err
}
