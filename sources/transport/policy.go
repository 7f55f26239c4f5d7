package transport

import (
	"cmp"
	"time"

	"crossdock/domains/lookup"
)

// Policy bounds how a source is called. What is zero is as the product's adapter has it, and else as we do.
type Policy struct {
	// Timeout bounds one try; 10 s.
	Timeout time.Duration
	// Concurrent bounds the calls under way; 16. Further calls wait.
	Concurrent int
	// Retries bounds the repeats of a read; 2. Less than zero is none.
	Retries int
	// BreakAfter opens the breaker after so many failures in a row; 10. It lets a call through
	// again after BreakFor; 2 s.
	BreakAfter int
	BreakFor   time.Duration
	// Rate bounds the calls of a time.
	Rate Rate
	// Operations have a timeout and retries of their own, by name.
	Operations map[string]Policy
	// Shadow keeps back every call that changes something: it fails with fault.ShadowedError, and nothing is sent.
	Shadow bool
}

// Rate is how many calls there may be in any span of a time; none is no bound.
type Rate struct {
	Calls int
	Per   time.Duration
}

// Or fills in what the policy leaves open.
func (p Policy) Or(rest Policy) Policy {
	p.Timeout, p.Concurrent, p.Retries = cmp.Or(p.Timeout, rest.Timeout), cmp.Or(p.Concurrent, rest.Concurrent), cmp.Or(p.Retries, rest.Retries)
	p.BreakAfter, p.BreakFor = cmp.Or(p.BreakAfter, rest.BreakAfter), cmp.Or(p.BreakFor, rest.BreakFor)
	p.Rate, p.Shadow = cmp.Or(p.Rate, rest.Rate), p.Shadow || rest.Shadow
	if p.Operations == nil {
		p.Operations = rest.Operations
	}
	return p
}

func standard() Policy {
	return Policy{Timeout: 10 * time.Second, Concurrent: 16, Retries: 2, BreakAfter: 10, BreakFor: 2 * time.Second}
}

// of is the policy of an operation.
func (p Policy) of(operation string) Policy { return p.Operations[operation].Or(p) }

// of is how much of a whole the lane may use, at least one: history half, reads eight tenths, work nine, intake all.
func of(l lookup.Lane, whole int) int { return max(1, whole-(whole*share(l)+9)/10) }

// places is how many calls of the lane may be under way at once, of so many. A place is taken for as long as the source takes to
// answer, so what nobody waits for leaves half of them to those who wait.
func places(l lookup.Lane, whole int) int {
	if l == lookup.Work {
		l = lookup.History
	}
	return of(l, whole)
}

// share is how much of a source's budget has to be left, in parts of ten, for a call of the lane.
func share(l lookup.Lane) int {
	switch l {
	case lookup.Intake:
		return 0
	case lookup.Work:
		return 1
	case lookup.History:
		return 5
	default:
		return 2
	}
}
