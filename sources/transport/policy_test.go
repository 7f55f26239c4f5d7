package transport

import (
	"testing"
	"time"
)

// TestLanesStopOneAfterTheOther: history at half of the budget, reads at four fifths, work at all of it; and the
// span slides.
func TestLanesStopOneAfterTheOther(t *testing.T) {
	t.Parallel()
	l := &limiter{rate: Rate{Calls: 10, Per: time.Minute}}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	made := 0
	fill := func(lane Lane) int {
		for l.take(now.Add(time.Duration(made)*time.Second), lane, false) == 0 {
			made++
		}
		return made
	}
	for _, step := range []struct {
		lane Lane
		made int
	}{{History, 5}, {Reads, 8}, {Work, 10}} {
		if n := fill(step.lane); n != step.made {
			t.Errorf("lane %d stops after %d calls, not %d", step.lane, n, step.made)
		}
	}
	// The first call was made at 0 s: work has room again 50 s after the tenth second, reads two calls later.
	at := now.Add(10 * time.Second)
	if wait := l.take(at, Work, false); wait != 50*time.Second {
		t.Errorf("work waits %s", wait)
	}
	if wait := l.take(at, Reads, false); wait != 52*time.Second {
		t.Errorf("reads wait %s", wait)
	}
	if wait := l.take(at.Add(52*time.Second), Reads, false); wait != 0 || l.used(at.Add(52*time.Second)) != 8 {
		t.Errorf("after that wait a read waits %s, with %d used", wait, l.used(at.Add(52*time.Second)))
	}
	if wait := l.take(at, Work, true); wait != 0 {
		t.Errorf("a repeat waits %s", wait)
	}
	if wait := (&limiter{}).take(now, History, false); wait != 0 {
		t.Errorf("without a bound a call waits %s", wait)
	}
}

func TestAPolicyIsFilledInFromTheProductAndFromUs(t *testing.T) {
	t.Parallel()
	p := Policy{Retries: -1, Operations: map[string]Policy{"prices": {Timeout: time.Second}}}.Or(Policy{Concurrent: 5, Retries: 3}).Or(standard())
	if p.Timeout != 10*time.Second || p.Concurrent != 5 || p.Retries != -1 || p.BreakAfter != 10 {
		t.Errorf("it is %+v", p)
	}
	if o := p.of("prices"); o.Timeout != time.Second || o.Retries != -1 {
		t.Errorf("an operation's is %+v", o)
	}
}
