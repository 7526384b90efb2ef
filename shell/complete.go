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

// This file completes lines from the command table and from live data. Live data is fetched in the background, so that
// a keystroke only reads memory.

const (
	freshFor    = 10 * time.Second // age at which cached data is refreshed
	fetchBudget = 5 * time.Second
	mostRecent  = 10_000 // number of values whose last use is remembered

	mostAnswers = 500 // number of cached words and kinds

	mostSuggestions = 100
)

// A completer caches live data. A sign-in or a write starts a new generation: the cache is cleared, and results of
// fetches that started before are discarded.
type completer struct {
	session func() *commands.Session
	now     func() time.Time
	wake    func() // reports new data to the prompt

	recency map[commands.Use]int // number of the command that last used the value
	count   int

	mu         sync.Mutex
	generation int
	known      map[string]answers
	fetching   map[string]bool
	searching  string          // the key of the newest search
	current    context.Context // ends with the search
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

// used remembers the values of a successful command. Of equally good matches the most recently used comes first.
func (c *completer) used(values []commands.Use) {
	c.count++
	for _, v := range values {
		if len(c.recency) < mostRecent {
			c.recency[v] = c.count
		}
	}
}

// byUse sorts values of a kind by their last use, most recent first. Unused values follow in their order.
// The order of an ordered kind stays.
func (c *completer) byUse(k commands.Kind, choices []commands.Choice) []commands.Choice {
	if k.Ordered {
		return choices
	}
	last := func(choice commands.Choice) int {
		return c.recency[k.Use(choice.Text)]
	}
	sorted := slices.Clone(choices)
	slices.SortStableFunc(sorted, func(a, b commands.Choice) int { return last(b) - last(a) })
	return sorted
}

// forget clears the cache.
func (c *completer) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.known, c.fetching = map[string]answers{}, map[string]bool{}
}

// complete returns the words that may replace before[start:] in a command.
func (c *completer) complete(before string) (start int, list []line.Suggestion) {
	s := c.session()
	return c.suggest(s.Table.Complete(s, before))
}

// answer returns the values that may replace before[start:] in the answer for a blank.
func (c *completer) answer(b commands.Blank, before string) (start int, list []line.Suggestion) {
	return c.suggest(b.CompleteAnswer(c.session(), before))
}

// suggest adds values from the database or the file system to a completion.
func (c *completer) suggest(found commands.Completion) (start int, list []line.Suggestion) {
	choices := found.Choices
	switch k := found.Kind; {
	case k.Live != nil:
		choices = append(found.Rank(c.byUse(k, c.recall(k.Identity(), k.Live))), choices...)
		if found.Searchable() {
			choices = found.With(c.search(k, found.Typed()), choices)
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

// search returns the cached matches of a word in the database. The search for a new word cancels the previous one.
// Matches are cached per word, so they are never shown for another word.
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

// recall returns cached choices. If they are missing or old, it fetches them in the background.
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
			defer func() { _ = recover() }() // a panic in completion must not end the shell
			return fetch(ctx, &session)
		}()
		c.mu.Lock()
		current := generation == c.generation
		if current {
			delete(c.fetching, key)
			if err != nil {
				choices = c.known[key].choices // old data is better than none if the database is unreachable
			}
			if !errors.Is(err, context.Canceled) { // a canceled fetch is repeated at the next request
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

// filesIn lists a directory. Names of directories end with a separator.
func filesIn(dir string) ([]commands.Choice, error) {
	at := dir
	if at == "" {
		at = "."
	}
	entries, err := os.ReadDir(commands.AtHome(at))
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
