package line

import "time"

// An absence tells whether nobody pressed a key for too long.
type IdleTimer struct {
	limit func() time.Duration // 0: none is too long
	now   func() time.Time
	last  time.Time // key
}

// newAbsence begins now; a nil most is never too long, a nil now is time.Now.
func NewIdleTimer(most func() time.Duration, now func() time.Time) IdleTimer {
	if most == nil {
		most = func() time.Duration { return 0 }
	}
	if now == nil {
		now = time.Now
	}
	return IdleTimer{most, now, now()}
}

// back notes that somebody is there.
func (a *IdleTimer) Reset() { a.last = a.now() }

// tooLong is by the clock on the wall too: the other one stands while a machine sleeps.
func (a *IdleTimer) Expired() bool {
	most, now := a.limit(), a.now()
	return most > 0 && (now.Sub(a.last) >= most || now.Round(0).Sub(a.last.Round(0)) >= most)
}
