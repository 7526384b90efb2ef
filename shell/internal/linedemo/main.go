// Linedemo is a small shell around line.Reader, for the tests that drive it in a terminal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"crm/commands"
	"crm/shell"
	"crm/shell/line"
)

func main() { os.Exit(run()) }

func run() int {
	if !line.IsTerminal(os.Stdin, os.Stdout) {
		fmt.Println("not a terminal")
		return 0
	}
	history, err := line.OpenHistory(os.Getenv("LINEDEMO_HISTORY"), 1000,
		func(line string) bool { return !strings.Contains(line, "secret") })
	if err != nil {
		fmt.Println("warning:", err)
	}
	d := &demo{known: map[string][]line.Suggestion{}}
	c := line.Config{
		In: os.Stdin, Out: os.Stdout, History: history, Color: os.Getenv("NO_COLOR") == "",
		Prefix:   func() string { return "crm> " },
		Complete: d.complete, Editor: os.Getenv("LINEDEMO_EDITOR"),
		Idle: func() time.Duration { return 30 * time.Minute }, Now: clock, Unlock: unlock,
	}
	switch os.Getenv("LINEDEMO_SIGNALS") {
	case "exit":
		c.OnSignal = func(s os.Signal) { os.Exit(128 + int(s.(syscall.Signal))) }
	case "return":
		c.OnSignal = func(s os.Signal) { fmt.Println("signal", s) }
	}
	l, err := line.Open(c)
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	defer l.Close()
	d.line = l
	for {
		text, err := l.Read()
		for err == nil && strings.HasSuffix(text, "\\") {
			var more string
			more, err = l.ReadMore()
			text = text[:len(text)-1] + "\n" + more
		}
		switch {
		case errors.Is(err, line.ErrDiscarded):
			fmt.Println("DISCARDED")
			continue
		case errors.Is(err, io.EOF):
			fmt.Println("EOF")
			return 0
		}
		_ = history.Add(text)
		d.execute(text)
	}
}

// clock is the time, as much later as the file says.
func clock() time.Time {
	text, _ := os.ReadFile(os.Getenv("DEMO_CLOCK"))
	later, _ := time.ParseDuration(string(text))
	return time.Now().Add(later)
}

// unlock knows one password.
func unlock() bool {
	password, err := shell.Secrets{TTY: shell.OpenTTY}.Read(context.Background(),
		commands.SecretRequest{Question: "password"})
	fmt.Println("UNLOCK", password, err)
	return password == "open"
}

type demo struct {
	line  *line.Reader
	mu    sync.Mutex
	known map[string][]line.Suggestion
	asked map[string]bool
	first map[string]int
}

func (d *demo) execute(text string) {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "sleep":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		limit, _ := time.ParseDuration(rest)
		fmt.Println("SLEEPING")
		select {
		case <-ctx.Done():
			fmt.Println("CANCELLED")
		case <-time.After(limit):
			fmt.Println("SLEPT")
		}
	case "panic":
		panic(rest)
	case "ask":
		answer, err := d.line.Ask("sure? ", nil)
		fmt.Printf("ANSWER %q %v\n", answer, err)
	case "drop":
		d.line.DropPasted()
		fmt.Println("DROPPED")
	case "state":
		files, _ := os.ReadDir("/proc/self/fd")
		fmt.Printf("STATE %d %d\n", len(files), runtime.NumGoroutine())
	case "":
	default:
		fmt.Printf("GOT %q %d\n", text, len(d.line.Pasted()))
	}
}

// complete knows commands, names with spaces, and IDs that come from a slow source.
func (d *demo) complete(before string) (int, []line.Suggestion) {
	start := strings.LastIndex(before, " ") + 1
	if quotes := strings.Count(before, `"`); quotes%2 == 1 {
		start = strings.LastIndex(before, `"`)
	}
	word := strings.ToLower(before[start:])
	var list []line.Suggestion
	add := func(text, help string) {
		if strings.HasPrefix(strings.ToLower(text), word) || strings.HasPrefix(strings.ToLower(text), `"`+word) {
			list = append(list, line.Suggestion{Text: text, Description: help})
		}
	}
	switch command := strings.Fields(before[:start]); {
	case len(command) == 0:
		if word == "boom" {
			panic("boom")
		}
		add("customer", "Customers")
		add("contract", "Contracts")
		add("shrink", "One row less each time")
	case command[0] == "find":
		add(`"Acme Corp"`, "customer 1")
		add(`"Acme Co-op"`, "customer 2")
		add("Ézéchiel", "customer 3")
		add("bad\x1b[31m", "never")
	case command[0] == "many":
		for i := range 1000 {
			add("m"+strconv.Itoa(i), "row")
		}
	case command[0] == "shrink":
		d.mu.Lock()
		defer d.mu.Unlock()
		n := max(1, 5-len(d.first))
		if d.first == nil {
			d.first = map[string]int{}
		}
		d.first[strconv.Itoa(len(d.first))] = 1
		for i := range n {
			add("s"+strconv.Itoa(i), "shrinking")
		}
	case len(command) == 2 && command[0] == "customer":
		return start, d.ids(strings.ToUpper(word))
	default:
		add("list", "List them")
		add("get", "Show one")
	}
	return start, list
}

// ids answers from memory with what came from a source that takes 200 ms.
func (d *demo) ids(prefix string) []line.Suggestion {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked == nil {
		d.asked = map[string]bool{}
	}
	if !d.asked[prefix] {
		d.asked[prefix] = true
		go func() {
			time.Sleep(200 * time.Millisecond)
			var list []line.Suggestion
			for i := 0; i < 5000 && len(list) < 100; i++ {
				if id := fmt.Sprintf("C%04d", i); strings.HasPrefix(id, prefix) {
					list = append(list, line.Suggestion{Text: id, Description: fmt.Sprintf("Customer number %d", i)})
				}
			}
			d.mu.Lock()
			d.known[prefix] = list
			d.mu.Unlock()
			d.line.Wake()
			fmt.Printf("\x1b]0;FETCHED %s\x07", prefix) // the window's title, which no test looks at
		}()
	}
	for p := prefix; ; p = p[:len(p)-1] {
		if list, ok := d.known[p]; ok || p == "" {
			var rows []line.Suggestion
			for _, s := range list {
				if strings.HasPrefix(s.Text, prefix) {
					rows = append(rows, s)
				}
			}
			return rows
		}
	}
}
