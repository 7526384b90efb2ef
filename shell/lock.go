package shell

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"time"

	"crm/commands"
)

// This file locks the prompt after a time without keys. The signed-in user's password unlocks it. Input typed at a
// locked prompt is never run.

const mostUnlocks = 3 // wrong passwords after which the user is signed out

// idle returns the time without keys after which the prompt locks. A signed-out prompt is never locked.
func (sh *Shell) idle() time.Duration {
	if sh.Session.Me == nil {
		return 0
	}
	return sh.Idle
}

// unlock asks for the signed-in user's password. Too many wrong ones, or none, sign the user out.
func (sh *Shell) unlock(ctx context.Context) bool {
	sh.say("locked: no key was pressed for a while; your password goes on, Ctrl-C signs out")
	asking, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	defer sh.unhush()
	for range mostUnlocks {
		who := sh.who()
		out, err := commands.Reauthenticate(asking, sh.Session)
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
