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
}

// take counts a call of the lane and returns the points that it takes, or says how long it must wait until there
// is room for it. A repeat is counted whether there is or not: it was promised with its first try, and so were its
// points.
func (l *limiter) take(now time.Time, operation string, lane lookup.Lane, repeat bool) (points float64, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !repeat {
		wait = l.points.wait(now, operation, lane)
	}
	if l.rate.Calls > 0 {
		n, room := l.count(now), of(lane, l.rate.Calls)
		if n >= room && !repeat {
			wait = max(wait, l.made[n-room].Add(l.rate.Per).Sub(now))
		}
	}
	if wait > 0 {
		return 0, wait
	}
	if l.rate.Calls > 0 {
		l.made = append(l.made, now)
	}
	if !repeat {
		points = l.points.costs[operation]
		l.points.out += points
	}
	return points, 0
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
	l.made = slices.DeleteFunc(l.made, func(t time.Time) bool { return now.Sub(t) >= l.rate.Per })
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

// wait is how long it takes until a call of the lane can be paid.
func (p *purse) wait(now time.Time, operation string, lane lookup.Lane) time.Duration {
	if p.costs == nil || p.known.Restore <= 0 {
		return 0
	}
	short := p.costs[operation] + p.known.Max*float64(share(lane))/10 - p.at(now)
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
