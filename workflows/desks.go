package workflows

import (
	"context"
	"sync"
	"time"
)

// desk bounds how many effects act on one source at a time. What finds no place is left where it is, and taken up by whoever leaves,
// the one that has waited longest first: a source that is slow takes no workers from the others, and what has begun there is not
// held up by what begins after it.
type desk struct {
	destinations []string

	mu   sync.Mutex
	free int
	// waits is true when an effect may have found no place.
	waits bool
}

// enter takes a place if there is one.
func (d *desk) enter() bool {
	if d == nil {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.free == 0 {
		d.waits = true
		return false
	}
	d.free--
	return true
}

// leave gives the place back, and reports whether an effect may wait for it.
func (d *desk) leave() bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free++
	return d.waits
}

// look says that somebody looks for the effects that wait, or that there are some.
func (d *desk) look(waits bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waits = waits
}

func (d *desk) full() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free == 0
}

// Bound has no more than so many effects act on one source at a time, by whichever of its destinations. It is called before Run.
func (q *Queue) Bound(places int, destinations ...string) {
	d := &desk{destinations: destinations, free: places}
	for _, destination := range destinations {
		q.desks[destination] = d
	}
}

// seat runs the effect if its destination has a place for it. It returns when to try again, or zero when there is nothing more to do
// for now.
func (q *Queue) seat(ctx context.Context, id, destination string) (time.Duration, error) {
	d := q.desks[destination]
	if !d.enter() {
		return 0, nil
	}
	defer func() {
		if d.leave() {
			select {
			case q.left <- d:
			default: // the sweep finds what waits
			}
		}
	}()
	return q.run(ctx, id)
}

// serve runs the effects that wait for a place at the desk, one after the other, until none does.
func (q *Queue) serve(ctx context.Context, d *desk) {
	for d.enter() {
		d.look(false)
		e, due, err := q.store.next(ctx, d.destinations)
		if due {
			d.look(true)
			err = q.take(ctx, e)
		}
		if err != nil && ctx.Err() == nil {
			d.look(true)
			q.log.ErrorContext(ctx, "run waiting effect", "error", err)
		}
		if more := d.leave(); !more || err != nil {
			return
		}
	}
}

// take runs an effect that is due, unless somebody else does.
func (q *Queue) take(ctx context.Context, due Effect) error {
	e, _, err := q.store.claim(ctx, due.ID, q.policy.Lease)
	if err != nil || e == nil {
		return err
	}
	again, err := q.attempt(ctx, e)
	if err == nil && again > 0 {
		err = q.later(ctx, due.ID, due.Destination, again)
	}
	return err
}

// busy are the destinations that have no place now.
func (q *Queue) busy() []string {
	out := []string{}
	for destination, d := range q.desks {
		if d.full() {
			out = append(out, destination)
		}
	}
	return out
}
