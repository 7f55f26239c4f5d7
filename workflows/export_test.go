package workflows

import "time"

// Pause is how long an effect waits after so many attempts.
func Pause(p Policy, attempts int) time.Duration { return p.pause(attempts) }

// Unswept has nothing done that only a sweep would find.
func (q *Queue) Unswept() { q.sweepEvery = 24 * time.Hour }

// Handle sets what carries effects of a kind out.
func (q *Queue) Handle(kind string, h Handler) { q.handlers[kind] = h }
