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
	take := func(l *limiter, at time.Time, lane lookup.Lane) time.Duration {
		_, wait := l.take(at, &turn{operation: "any", lane: lane})
		return wait
	}
	fill := func(lane lookup.Lane) int {
		for take(l, now.Add(time.Duration(made)*time.Second), lane) == 0 {
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
	if wait := take(l, at, lookup.Work); wait != 51*time.Second {
		t.Errorf("work waits %s", wait)
	}
	if wait := take(l, at, lookup.Reads); wait != 52*time.Second {
		t.Errorf("reads wait %s", wait)
	}
	wait := take(l, at.Add(52*time.Second), lookup.Reads)
	if used, _, _ := l.left(at.Add(52 * time.Second)); wait != 0 || used != 8 {
		t.Errorf("after that wait a read waits %s, with %d used", wait, used)
	}
	l.repeat(at.Add(52 * time.Second))
	if used, _, _ := l.left(at.Add(52 * time.Second)); used != 9 {
		t.Errorf("after a repeat %d are used", used)
	}
	if wait := take(&limiter{}, now, lookup.History); wait != 0 {
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
	if _, wait := l.take(now, &turn{operation: "orders", lane: lookup.History}); wait != 0 {
		t.Errorf("the first call waits %s", wait)
	}
	l.settle(now, "orders", 0, &Budget{Cost: 200, Available: 1000, Max: 1000, Restore: 50})
	var out []float64
	for {
		points, wait := l.take(now, &turn{operation: "orders", lane: lookup.Reads})
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
	if _, wait := l.take(now, &turn{operation: "orders", lane: lookup.Intake}); wait != 0 {
		t.Errorf("intake waits %s", wait)
	}
	before := l.points.out
	if l.repeat(now); l.points.out != before {
		t.Errorf("a repeat takes %v points, which nobody gives back", l.points.out-before)
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

// TestALargeCallIsNotKeptWaitingBySmallOnes: what comes in is kept for who waits, from those of its lane and of lesser ones, by
// points and by number; better lanes go first, and who leaves keeps nothing.
func TestALargeCallIsNotKeptWaitingBySmallOnes(t *testing.T) {
	t.Parallel()
	l := &limiter{rate: Rate{Calls: 100, Per: time.Minute}}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	tell := func(operation string, cost, available float64) {
		l.settle(now, operation, l.points.costs[operation], &Budget{Cost: cost, Available: available, Max: 1000, Restore: 10})
	}
	tell("large", 400, 1000)
	tell("small", 10, 120)
	large, small, intake := &turn{operation: "large", lane: lookup.Work}, &turn{operation: "small", lane: lookup.Work}, &turn{operation: "small", lane: lookup.Intake}
	_, wait := l.take(now, large)
	if wait != 38*time.Second { // 400 above a reserve of 100, 120 there, 10 a second
		t.Fatalf("the large one waits %s", wait)
	}
	l.join(large)
	l.join(large)
	if _, wait := l.take(now, small); wait != 39*time.Second {
		t.Errorf("a small one after it waits %s", wait)
	}
	if _, wait := l.take(now, &turn{operation: "small", lane: lookup.Reads}); wait != 49*time.Second {
		t.Errorf("a read after it waits %s", wait)
	}
	if _, wait := l.take(now, intake); wait != 0 {
		t.Errorf("intake waits %s", wait)
	}
	tell("small", 10, 120)
	if _, wait := l.take(now.Add(38*time.Second), large); wait != 0 || len(l.queue) > 0 {
		t.Errorf("after its wait it waits %s, and %d places are kept", wait, len(l.queue))
	}
	tell("large", 400, 120)
	if _, wait := l.take(now, small); wait != 0 {
		t.Errorf("a small one waits %s for nobody", wait)
	}
	tell("small", 10, 120)
	l.join(large)
	l.leave(now, large, 0)
	if _, wait := l.take(now, small); wait != 0 {
		t.Errorf("a small one waits %s for one that has left", wait)
	}
	tell("small", 10, 120)
	tell("huge", 1200, 120)
	if _, wait := l.take(now, &turn{operation: "huge", lane: lookup.History}); wait != 88*time.Second {
		t.Errorf("what costs more than there can be waits %s, not until there is all", wait)
	}
}

// TestAPlaceIsKeptForWhoComesBack: for its caller and nobody else, whatever it asks first, and not for ever.
func TestAPlaceIsKeptForWhoComesBack(t *testing.T) {
	t.Parallel()
	l := &limiter{}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	tell := func(operation string, cost, available float64) {
		l.settle(now, operation, l.points.costs[operation], &Budget{Cost: cost, Available: available, Max: 1000, Restore: 10})
	}
	tell("create", 400, 1000)
	tell("find", 10, 120)
	of := func(who, operation string) *turn { return &turn{operation: operation, lane: lookup.Work, who: who} }
	l.leave(now, of("us", "create"), 38*time.Second)
	for operation, want := range map[string]time.Duration{"find": 39 * time.Second, "create": 78 * time.Second} {
		if _, wait := l.take(now, of("them", operation)); wait != want {
			t.Errorf("another's %s waits %s, not %s", operation, wait, want)
		}
	}
	if _, wait := l.take(now, of("us", "find")); wait != 0 {
		t.Errorf("who comes back waits %s for itself", wait)
	}
	tell("find", 10, 120)
	l.join(of("them", "create"))
	again := of("us", "create")
	l.join(again)
	l.leave(now, again, 38*time.Second)
	if n := len(l.queue); n != 2 || l.queue[0] != again {
		t.Errorf("%d places are kept, and the first is %+v", n, l.queue[0])
	}
	if _, wait := l.take(now.Add(38*time.Second), of("us", "create")); wait != 0 || len(l.queue) != 1 {
		t.Errorf("when its turn has come it waits %s, and %d places are kept", wait, len(l.queue))
	}
	l.leave(now, of("us", "create"), 24*time.Hour)
	if _, _ = l.take(now.Add(keeps), of("others", "find")); len(l.queue) != 1 {
		t.Errorf("of %d places one is kept too long", len(l.queue))
	}
}

// TestCallsInASpanAreQueuedForToo: each that waits has its own.
func TestCallsInASpanAreQueuedForToo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	l := &limiter{rate: Rate{Calls: 2, Per: time.Minute}}
	next := func() *turn { return &turn{operation: "any", lane: lookup.Intake} }
	first, second := next(), next()
	l.repeat(now)
	l.repeat(now.Add(time.Second))
	l.join(first)
	if _, wait := l.take(now.Add(2*time.Second), second); wait != 59*time.Second {
		t.Errorf("the second in the queue waits %s", wait)
	}
	l.join(second)
	if _, wait := l.take(now.Add(2*time.Second), next()); wait != time.Minute {
		t.Errorf("the third waits %s", wait)
	}
	if _, wait := l.take(now.Add(time.Minute), first); wait != 0 {
		t.Errorf("the first waits %s", wait)
	}
}
