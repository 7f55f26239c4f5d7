package transport

import (
	"testing"
	"time"

	"crossdock/domains/lookup"
)

// TestLanesStopOneAfterTheOther: history at half of the budget, reads at eight tenths, work at nine,
// intake at all of it; and the span slides.
func TestLanesStopOneAfterTheOther(t *testing.T) {
	t.Parallel()
	l := &limiter{rate: Rate{Calls: 10, Per: time.Minute}}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	made := 0
	take := func(l *limiter, at time.Time, lane lookup.Lane, repeat bool) time.Duration {
		_, wait := l.take(at, "any", lane, repeat)
		return wait
	}
	fill := func(lane lookup.Lane) int {
		for take(l, now.Add(time.Duration(made)*time.Second), lane, false) == 0 {
			made++
		}
		return made
	}
	for _, step := range []struct {
		lane lookup.Lane
		made int
	}{{lookup.History, 5}, {lookup.Reads, 8}, {lookup.Work, 9}, {lookup.Intake, 10}} {
		if n := fill(step.lane); n != step.made {
			t.Errorf("lane %d stops after %d calls, not %d", step.lane, n, step.made)
		}
	}
	// The first call was made at 0 s: intake has room again 50 s after the tenth second, work a call later, reads one more.
	at := now.Add(10 * time.Second)
	if wait := take(l, at, lookup.Work, false); wait != 51*time.Second {
		t.Errorf("work waits %s", wait)
	}
	if wait := take(l, at, lookup.Reads, false); wait != 52*time.Second {
		t.Errorf("reads wait %s", wait)
	}
	wait := take(l, at.Add(52*time.Second), lookup.Reads, false)
	if used, _, _ := l.left(at.Add(52 * time.Second)); wait != 0 || used != 8 {
		t.Errorf("after that wait a read waits %s, with %d used", wait, used)
	}
	if wait := take(l, at, lookup.Work, true); wait != 0 {
		t.Errorf("a repeat waits %s", wait)
	}
	if wait := take(&limiter{}, now, lookup.History, false); wait != 0 {
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

// TestPointsAreCountedAsTheProductDoes: nothing is known before the first reply; then a call that the bucket cannot
// pay for waits as long as it takes to fill up, each lane above its reserve.
func TestPointsAreCountedAsTheProductDoes(t *testing.T) {
	t.Parallel()
	l := &limiter{}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	if _, wait := l.take(now, "orders", lookup.History, false); wait != 0 {
		t.Errorf("the first call waits %s", wait)
	}
	l.settle(now, "orders", 0, &Budget{Cost: 200, Available: 1000, Max: 1000, Restore: 50})
	var out []float64
	for {
		points, wait := l.take(now, "orders", lookup.Reads, false)
		if wait > 0 {
			if wait != 4*time.Second { // 200 points to stay above a reserve of 200, 50 a second
				t.Errorf("the read after that waits %s", wait)
			}
			break
		}
		out = append(out, points)
	}
	if len(out) != 4 {
		t.Errorf("%d reads are paid for, not 4", len(out))
	}
	if _, wait := l.take(now, "orders", lookup.Intake, false); wait != 0 {
		t.Errorf("intake waits %s", wait)
	}
	if points, wait := l.take(now, "orders", lookup.Work, true); points != 0 || wait != 0 {
		t.Errorf("a repeat takes %v points, which nobody gives back, and waits %s", points, wait)
	}
	// A reply that says what is left is right, whatever was guessed; a call without a reply gives its guess back.
	l.settle(now, "orders", out[0], &Budget{Cost: 100, Available: 900, Max: 1000, Restore: 50})
	for _, p := range append(out[1:], 200) {
		l.settle(now, "orders", p, nil)
	}
	if _, points, of := l.left(now); points != 900 || of != 1000 {
		t.Errorf("%v of %v are left", points, of)
	}
	if _, points, _ := l.left(now.Add(time.Hour)); points != 1000 {
		t.Errorf("an hour later %v are left", points)
	}
}
