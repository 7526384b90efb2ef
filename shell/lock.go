package shell

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"time"

	"crm/commands"
)

// This file locks the prompt when nobody was there for a while: whoever comes then must know the password of the user
// who is signed in. What was typed at a locked prompt is never run.

const mostUnlocks = 3 // tries of the password, then the user is signed out

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
