package transport

import (
	"maps"
	"slices"
	"sync"
	"time"

	"crossdock/domains/lookup"
)

// Health is how a source does, as its calls have shown.
type Health struct {
	// Calls and Failures count what was asked since the start, without repeats.
	Calls, Failures int64
	// LastSuccess and LastFailure are zero when there was none; Why is the code of the latter.
	LastSuccess, LastFailure time.Time
	Why                      string
	// P50 and P99 are those of the last calls that were answered.
	P50, P99 time.Duration
	// Breaker is "closed", "open" or "half-open".
	Breaker string
	Policy  Policy
	// Used is how many calls of the last span of the rate count.
	Used int
	// Points are what is left of what the product counts in, of MaxPoints; both zero where it does not.
	Points, MaxPoints float64
	// Lanes are by lookup.Lane.
	Lanes [4]Traffic
}

// Traffic is what one lane has done.
type Traffic struct {
	// Calls were made, Held were kept back because the budget was spent; UnderWay are waiting for a place or an
	// answer now.
	Calls, Held, UnderWay int64
}

// remembered is how many of the last calls the latency is taken of.
const remembered = 256

// record keeps what calls have shown.
type record struct {
	mu     sync.Mutex
	health Health
	took   []time.Duration
	next   int
}

// held counts a call that the budget had no room for.
func (r *record) held(l lookup.Lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.health.Lanes[l].Held++
}

// enter counts a call that is made, until it leaves.
func (r *record) enter(l lookup.Lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.health.Lanes[l].Calls++
	r.health.Lanes[l].UnderWay++
}

func (r *record) leave(l lookup.Lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.health.Lanes[l].UnderWay--
}

func (r *record) add(c Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.health.Calls++
	end := c.Start.Add(c.Duration)
	switch c.Outcome {
	case "CANCELLED":
		return
	case "OK":
		r.health.LastSuccess = end
	default:
		r.health.Failures++
		r.health.LastFailure, r.health.Why = end, c.Outcome
		return
	}
	if len(r.took) < remembered {
		r.took = append(r.took, c.Duration)
		return
	}
	r.took[r.next] = c.Duration
	r.next = (r.next + 1) % remembered
}

// Inherit takes over what an earlier client of the same source has counted and learned, so that a new reading of the
// configuration spends no budget twice. It does nothing for another address. It must come before the first call.
func (c *Client) Inherit(from *Client) {
	if from == nil || from.Base() != c.Base() || from.name != c.name {
		return
	}
	c.metrics = from.metrics
	from.record.mu.Lock()
	c.record.health, c.record.took, c.record.next = from.record.health, slices.Clone(from.record.took), from.record.next
	from.record.mu.Unlock()
	for i := range c.record.health.Lanes {
		c.record.health.Lanes[i].UnderWay = 0
	}
	from.limit.mu.Lock()
	defer from.limit.mu.Unlock()
	c.limit.made, c.limit.points = slices.Clone(from.limit.made), from.limit.points
	c.limit.points.costs, c.limit.points.out = maps.Clone(from.limit.points.costs), 0
}

// Health returns how the source does.
func (c *Client) Health() Health {
	c.record.mu.Lock()
	h, took := c.record.health, slices.Clone(c.record.took)
	c.record.mu.Unlock()
	slices.Sort(took)
	if n := len(took); n > 0 {
		h.P50, h.P99 = took[n/2], took[n*99/100]
	}
	h.Breaker, h.Policy = c.Breaker(), c.cfg.Policy
	h.Used, h.Points, h.MaxPoints = c.limit.left(time.Now())
	return h
}
