package line

import "time"

// An IdleTimer measures the time since the last key.
type IdleTimer struct {
	limit func() time.Duration // 0: never expires
	now   func() time.Time
	last  time.Time // when the last key was pressed
}

// NewIdleTimer starts a timer that expires after limit, which is called at each check. A nil limit and a limit of 0
// never expire. A nil now means time.Now.
func NewIdleTimer(limit func() time.Duration, now func() time.Time) IdleTimer {
	if limit == nil {
		limit = func() time.Duration { return 0 }
	}
	if now == nil {
		now = time.Now
	}
	return IdleTimer{limit, now, now()}
}

// Reset restarts the timer.
func (t *IdleTimer) Reset() { t.last = t.now() }

// Expired reports whether the limit has passed since the last key. It also compares wall clocks, because
// the monotonic clock stops while a machine sleeps.
func (t *IdleTimer) Expired() bool {
	limit, now := t.limit(), t.now()
	return limit > 0 && (now.Sub(t.last) >= limit || now.Round(0).Sub(t.last.Round(0)) >= limit)
}
