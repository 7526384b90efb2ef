package shell

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"time"

	"crm/commands"
)

// This file locks the prompt when nobody was there for a while: whoever comes then must know the password of the user who is
// signed in. What was typed at a locked prompt is never run.

const mostUnlocks = 3 // tries of the password, then the user is signed out

// An absence tells whether nobody pressed a key for too long.
type absence struct {
	most func() time.Duration // 0: none is too long
	now  func() time.Time
	last time.Time // key
}

// newAbsence begins now; a nil most is never too long, a nil now is time.Now.
func newAbsence(most func() time.Duration, now func() time.Time) absence {
	if most == nil {
		most = func() time.Duration { return 0 }
	}
	if now == nil {
		now = time.Now
	}
	return absence{most, now, now()}
}

// back notes that somebody is there.
func (a *absence) back() { a.last = a.now() }

// tooLong is by the clock on the wall too: the other one stands while a machine sleeps.
func (a *absence) tooLong() bool {
	most, now := a.most(), a.now()
	return most > 0 && (now.Sub(a.last) >= most || now.Round(0).Sub(a.last.Round(0)) >= most)
}

// idle is how long the signed-in user may be away; nobody's prompt is not locked.
func (sh *Shell) idle() time.Duration {
	if sh.Session.Me == nil {
		return 0
	}
	return sh.Idle
}

// unlock asks for the password of the signed-in user; who does not know it, or gives up, signs them out.
func (sh *Shell) unlock(ctx context.Context) bool {
	sh.say("locked: no key was pressed for a while; your password goes on, Ctrl-C signs out")
	asking, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	defer sh.unhush()
	for range mostUnlocks {
		who := sh.who()
		out, err := commands.Unlock(asking, sh.Session)
		sh.Reporter.events(who, out.Events, err)
		if err == nil {
			return true
		}
		if errors.Is(err, context.Canceled) || asking.Err() != nil {
			break
		}
		sh.fail(err)
	}
	_ = sh.do(ctx, "logout", false)
	return false
}
