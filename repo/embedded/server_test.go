//go:build unix

package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestDataOutlivesTheServer(t *testing.T) {
	dir := reachableDir(t)
	s := mustStart(t, dir)
	if !s.Started() {
		t.Error("the first start did not make the data")
	}
	value(t, s, "create table kept as select 'Élise' as name")
	mustClose(t, s)
	if runs(at(t, dir)) {
		t.Error("the server outlived its last user")
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	s = mustStart(t, dir)
	if s.Started() {
		t.Error("the second start created the data again")
	}
	if got := value(t, s, "select lower(name) from kept"); got != "élise" {
		t.Errorf("kept %q", got)
	}
}

func TestLastOfManyStopsIt(t *testing.T) {
	dir := reachableDir(t)
	first, second := mustStart(t, dir), mustStart(t, dir)
	p := at(t, dir)
	pid := p.running().pid
	other := newMember(t, dir)
	if other.joined() || second.Started() {
		t.Error("who joined says to have made the data")
	}
	mustClose(t, first)
	value(t, second, "select 'still here'")
	mustClose(t, second)
	if !runs(p) || p.running().pid != pid {
		t.Error("the server stopped with a user left in another process")
	}
	other.leave()
	if runs(p) {
		t.Error("the server outlived its last user")
	}
}

func TestKilledUserLeavesAServerToJoin(t *testing.T) {
	dir := reachableDir(t)
	victim := newMember(t, dir)
	victim.joined()
	p := at(t, dir)
	pid := p.running().pid
	victim.kill()
	if !runs(p) {
		t.Fatal("the server went with its killed user")
	}
	s := mustStart(t, dir)
	if now := p.running().pid; s.Started() || now != pid {
		t.Errorf("joined process %d, want %d", now, pid)
	}
	mustClose(t, s)
	if runs(p) {
		t.Error("the server outlived its last user")
	}
}

func TestKilledServerIsRecovered(t *testing.T) {
	dir := reachableDir(t)
	value(t, mustStart(t, dir), "create table kept as select '1' as id")
	p := at(t, dir)
	if err := syscall.Kill(p.running().pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the killed server", func() bool { return !runs(p) })

	// The process ID may now be that of another process of the same user.
	stale := filepath.Join(p.data(), "postmaster.pid")
	content, err := os.ReadFile(stale)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "\n")
	if err := os.WriteFile(stale, []byte(strconv.Itoa(os.Getpid())+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := value(t, mustStart(t, dir), "select id from kept"); got != "1" {
		t.Errorf("kept %q", got)
	}
}

func TestDeletedSocketIsMadeAgain(t *testing.T) {
	dir := reachableDir(t)
	victim := newMember(t, dir)
	victim.joined()
	p := at(t, dir)
	if err := os.Remove(p.running().socket + socketName); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "was deleted") {
		t.Errorf("with another user: %v", err)
	}
	if !runs(p) {
		t.Error("the other user's server was stopped")
	}
	victim.kill()
	value(t, mustStart(t, dir), "select 'back'")
	newMember(t, dir).joined()
}

func TestSimultaneousFirstStarts(t *testing.T) {
	dir := reachableDir(t)
	users := []*member{newMember(t, dir), newMember(t, dir)}
	made := make(chan bool, 4)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			s, err := Start(t.Context(), Config{Dir: dir, Fast: true})
			if err != nil {
				t.Error(err)
				return
			}
			made <- s.Started()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	for _, u := range users {
		made <- u.joined()
	}
	group.Wait()
	makers := 0
	for range len(made) {
		if <-made {
			makers++
		}
	}
	if makers != 1 {
		t.Errorf("%d of 4 made the data", makers)
	}
	for _, u := range users {
		u.leave()
	}
	if runs(at(t, dir)) {
		t.Error("the server outlived its last user")
	}
}

func TestManyComeAndGo(t *testing.T) {
	dir := reachableDir(t)
	mustClose(t, mustStart(t, dir))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				s, err := Start(t.Context(), Config{Dir: dir, Fast: true})
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(ping(t.Context(), s.socket), s.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if runs(at(t, dir)) {
		t.Error("the server outlived its last user")
	}
}

func TestStarterKilledHalfWay(t *testing.T) {
	dir := reachableDir(t)
	victim := newMember(t, dir)
	await(t, "initdb", func() bool { return len(halfMade(dir)) > 0 })
	victim.kill()
	if s := mustStart(t, dir); !s.Started() {
		t.Error("half-made data was taken for a server's")
	}
	if left := halfMade(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCancelWhileDataIsMade(t *testing.T) {
	dir := reachableDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := Start(ctx, Config{Dir: dir, Fast: true})
		ended <- err
	}()
	await(t, "initdb", func() bool { return len(halfMade(dir)) > 0 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled start: %v", err)
	}
	p := at(t, dir)
	if _, err := os.Stat(p.data()); runs(p) || err == nil || len(halfMade(dir)) > 0 {
		t.Errorf("left behind: processes %t, data %v, %v", runs(p), err, halfMade(dir))
	}
	if s := mustStart(t, dir); !s.Started() {
		t.Error("the next start did not make the data")
	}
}

func halfMade(dir string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, "data.tmp-*", "*"))
	return found
}

func TestCancelWhileWaitingForAnother(t *testing.T) {
	dir := reachableDir(t)
	_, gate, err := enter(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock(gate)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Config{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("start while another starts: %v", err)
	}
}

func TestRemove(t *testing.T) {
	dir := reachableDir(t)
	s := mustStart(t, dir)
	if err := Remove(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("with a user: %v", err)
	}
	value(t, s, "select 'unharmed'")
	victim := newMember(t, dir)
	victim.joined()
	mustClose(t, s)
	victim.kill()
	p := at(t, dir)
	for range 2 {
		if err := Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || len(p.running().socket) > 0 {
		t.Errorf("left behind: %v", err)
	}
}
