package transport

import (
	"slices"
	"sync"
	"time"

	"crossdock/domains/lookup"
)

// limiter holds calls back before the product would refuse them: by number in a span that slides, and by the
// points that the product counts in.
type limiter struct {
	rate Rate

	mu sync.Mutex
	// made are the times of the last calls, oldest first, as many as one span may have.
	made   []time.Time
	points purse
	// queue are the calls that wait, in the order in which they came.
	queue []*turn
}

// turn is a call that asks for its part of the budget.
type turn struct {
	operation string
	lane      lookup.Lane
	// who comes back for it when told to wait; empty where nobody does.
	who string
	// until is when its place is no longer kept; zero for one whose caller stands in the queue.
	until time.Time
}

// keeps bounds how long a place is kept, whatever its caller was told.
const keeps = 5 * time.Minute

// join keeps the turn's part for it until it takes that or leaves: those who ask later, in its lane or in a lesser one, get what is
// left beside it. Otherwise small calls that come often would keep a large one waiting for ever.
func (l *limiter) join(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enqueue(t)
}

// leave ends the turn. Its place is kept for a caller that comes back after a while.
func (l *limiter) leave(now time.Time, t *turn, back time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if back <= 0 {
		l.unqueue(t)
		return
	}
	t.until = now.Add(min(2*back+time.Second, keeps))
	l.enqueue(t)
}

// take counts a call and returns the points that it takes, or says how long it must wait until there is room for it.
func (l *limiter) take(now time.Time, t *turn) (points float64, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = slices.DeleteFunc(l.queue, func(q *turn) bool { return !q.until.IsZero() && !now.Before(q.until) })
	calls, kept := l.before(t)
	wait = l.points.wait(now, t, kept)
	if room := of(t.lane, l.rate.Calls); l.rate.Calls > 0 {
		if first := l.count(now) + calls - room; first >= len(l.made) {
			wait = max(wait, l.rate.Per)
		} else if first >= 0 {
			wait = max(wait, l.made[first].Add(l.rate.Per).Sub(now))
		}
	}
	if wait > 0 {
		return 0, wait
	}
	l.unqueue(t)
	l.note(now)
	points = l.points.costs[t.operation]
	l.points.out += points
	return points, 0
}

// repeat counts a call that is made again, whether there is room or not: it was promised with its first try, and so were its points.
func (l *limiter) repeat(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(now)
}

// before is what is kept for those who wait and go before the turn. The lock is held.
func (l *limiter) before(t *turn) (calls int, points float64) {
	for _, q := range l.queue {
		if q == t || t.who != "" && q.who == t.who { // whatever it asks, it does so at its place
			break
		}
		if share(q.lane) <= share(t.lane) {
			calls++
			points += l.points.costs[q.operation]
		}
	}
	return calls, points
}

// enqueue puts the turn where its caller's place for it is, or behind those who wait. The lock is held.
func (l *limiter) enqueue(t *turn) {
	if i := slices.IndexFunc(l.queue, t.same); i >= 0 {
		l.queue[i] = t
	} else {
		l.queue = append(l.queue, t)
	}
}

// unqueue takes the turn out of those who wait. The lock is held.
func (l *limiter) unqueue(t *turn) { l.queue = slices.DeleteFunc(l.queue, t.same) }

// same reports whether the places of the turns are the same.
func (t *turn) same(q *turn) bool {
	return q == t || t.who != "" && q.who == t.who && q.operation == t.operation
}

// note remembers that a call was made now. The lock is held.
func (l *limiter) note(now time.Time) {
	if l.rate.Calls > 0 {
		l.made = append(l.made, now)
	}
}

// settle ends a call that took points. What its reply says of the product's budget is taken over, if it came
// and says so.
func (l *limiter) settle(now time.Time, operation string, points float64, told *Budget) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.points.out = max(0, l.points.out-points)
	if told != nil {
		l.points.learn(now, operation, *told)
	}
}

// left returns how many calls of the last span count, and the points that there are and can be.
func (l *limiter) left(now time.Time) (used int, points, of float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count(now), l.points.at(now), l.points.known.Max
}

// count forgets calls before the span and counts the others. The lock is held.
func (l *limiter) count(now time.Time) int {
	old := 0
	for old < len(l.made) && now.Sub(l.made[old]) >= l.rate.Per {
		old++
	}
	l.made = l.made[old:]
	return len(l.made)
}

// Budget is what a product says, with a reply, of the points that it counts calls in.
type Budget struct {
	// Cost is what a call like this one takes while it is under way.
	Cost float64
	// Available is what there is now, and Max what there can be; Restore comes back every second.
	Available, Max, Restore float64
}

// purse is a product's points as its replies tell. Nothing is known before the first.
type purse struct {
	known Budget
	when  time.Time
	// costs is what each operation took last.
	costs map[string]float64
	// out is what calls under way may have taken and no reply has told of.
	out float64
}

// at is what there is by now. It is a guess: others spend too, and the next reply corrects it.
func (p *purse) at(now time.Time) float64 {
	if p.costs == nil {
		return 0
	}
	return min(p.known.Max, p.known.Available+p.known.Restore*now.Sub(p.when).Seconds()) - p.out
}

// wait is how long it takes until a turn can be paid beside what is kept for others.
func (p *purse) wait(now time.Time, t *turn, kept float64) time.Duration {
	if p.costs == nil || p.known.Restore <= 0 {
		return 0
	}
	// No more than there can be is waited for, or a call that costs more than its lane may have would stand there for ever.
	short := min(p.costs[t.operation]+kept+p.known.Max*float64(share(t.lane))/10, p.known.Max) - p.at(now)
	if short <= 0 {
		return 0
	}
	return time.Duration(short / p.known.Restore * float64(time.Second))
}

// learn corrects the guess by a reply.
func (p *purse) learn(now time.Time, operation string, b Budget) {
	if p.costs == nil {
		p.costs = map[string]float64{}
	}
	if b.Cost > 0 {
		p.costs[operation] = b.Cost
	}
	p.known, p.when = b, now
}
