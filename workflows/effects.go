// Package workflows holds the durable processes that cross domains: each reaction to a domain's
// decision is an effect on another system, stored in the transaction of the decision.
//
// Effects on one subject at one destination run in sequence: a cancel never overtakes its
// create. An effect is delivered at least once and takes effect once, because every handler
// looks for its own earlier work before it acts. River runs the effects; the effects table is
// the truth, so that a lost or stuck job loses nothing:
//
//	WAITING ──run──▶ DONE            the next of the queue becomes due; SHADOWED where nothing may be written
//	   │ ▲
//	   │ └─ retry, later each time; after an unsure failure only when the source must have
//	   │    finished with the first attempt
//	   └──▶ DEAD ──retry by a person──▶ WAITING
//	         └──resolve by a person──▶ CANCELLED
//
// A dead effect blocks its queue and is an Exception.
package workflows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/operations"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
	"crossdock/internal/telemetry"
)

// Effect is one thing to do at another system.
type Effect struct {
	ID          string
	Subject     string
	Destination string
	Kind        string
	Payload     json.RawMessage
	Attempts    int
	// Waited is how many of the attempts waited for a person, or for our turn.
	Waited      int
	Correlation string
	// Unsure is when an earlier attempt ended without our knowing what the destination did.
	Unsure *time.Time
	// trace is where the trace stood that has left it to be done; empty where nothing was followed.
	trace string
}

// Apply records the outcome of an effect in the transaction that marks it done.
type Apply func(ctx context.Context, tx postgres.Tx) error

// Handler carries an effect out. It must tolerate that the effect took place before.
type Handler func(ctx context.Context, e Effect) (Apply, error)

// Exceptions is where an effect that cannot be carried out goes.
type Exceptions interface {
	Raise(ctx context.Context, tx postgres.Tx, e operations.Exception) error
	Clear(ctx context.Context, tx postgres.Tx, key, resolution string) error
}

// Policy bounds the attempts of an effect.
type Policy struct {
	// Attempts is how often an effect is tried before it is dead.
	Attempts int
	// Base is the pause after the first failure; it doubles up to Cap.
	Base, Cap time.Duration
	// Lease is how long an attempt holds its effect. It may act for the first half; in the second
	// the source finishes with what a crash or a time-out left behind.
	Lease time.Duration
}

func (p Policy) attempt() time.Duration { return p.Lease / 2 }

// DefaultPolicy tries for about a day.
func DefaultPolicy() Policy {
	return Policy{Attempts: 100, Base: 500 * time.Millisecond, Cap: 15 * time.Minute, Lease: 30 * time.Second}
}

func (p Policy) pause(attempts int) time.Duration {
	d := p.Base
	for range min(attempts-1, 30) {
		if d *= 2; d >= p.Cap {
			return p.Cap
		}
	}
	return d
}

// Queue stores effects and runs them.
type Queue struct {
	pool     *postgres.Pool
	store    effectStore
	river    *river.Client[postgres.Tx]
	handlers map[string]Handler
	// dropped says what to do when a person gives a dead effect up, by kind.
	dropped map[string]func(context.Context, postgres.Tx, Effect) error
	// unwritten says what to do when an effect was kept back because its source is in shadow, by kind.
	unwritten  map[string]func(context.Context, postgres.Tx, Effect) error
	exceptions Exceptions
	policy     Policy
	log        *slog.Logger
	workers    int
	// desks bound how much is done at a time, by destination; left are those that an effect has just left.
	desks map[string]*desk
	left  chan *desk
	// sweepEvery is how often effects are looked for whose job was lost.
	sweepEvery time.Duration
	// InShadow names the source behind a destination if that is in shadow; nil when none is. Shadow keeps what
	// would have been written there.
	InShadow func(destination string) string
	Shadow   Shadow
	// Tracing follows effects in the traces that have left them to be done.
	Tracing *telemetry.Tracing
	// Passing is told of each point that a run passes: "claimed" before it acts, "acted" when the
	// other system has answered and nothing is recorded yet. It is for tests that end the process
	// there; nil otherwise.
	Passing func(point string)
}

func (q *Queue) passing(point string) {
	if q.Passing != nil {
		q.Passing(point)
	}
}

// Job is the River job that runs one effect.
type Job struct {
	EffectID    string `json:"effectId"`
	Destination string `json:"destination"`
}

// Kind names the job for River.
func (Job) Kind() string { return "effect" }

type worker struct {
	river.WorkerDefaults[Job]
	queue *Queue
}

func (w *worker) Timeout(*river.Job[Job]) time.Duration { return w.queue.policy.Lease + 5*time.Second }

func (w *worker) Work(ctx context.Context, job *river.Job[Job]) error {
	again, err := w.queue.seat(ctx, job.Args.EffectID, job.Args.Destination)
	if err != nil {
		w.queue.log.ErrorContext(ctx, "run effect", "effect", job.Args.EffectID, "error", err)
		return err
	}
	if again > 0 {
		return river.JobSnooze(again)
	}
	return nil
}

// Add stores an effect at the end of its queue, in the caller's transaction. It is due when
// everything before it in the queue is done.
func (q *Queue) Add(ctx context.Context, tx postgres.Tx, subject, destination, kind string, payload any) error {
	raw, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("effect %s: %w", kind, err)
	}
	if q.handlers[kind] == nil {
		return fmt.Errorf("effect %s has no handler", kind)
	}
	id, first, err := q.store.add(ctx, tx, subject, destination, kind, raw)
	if err != nil || !first {
		return err
	}
	return q.enqueue(ctx, tx, id, destination)
}

// AddOnce is Add for an effect that brings its destination up to what we know when it runs: one that nobody has
// begun does for all that happens until then. It reports whether it was added.
func (q *Queue) AddOnce(ctx context.Context, tx postgres.Tx, subject, destination, kind string, payload any) (bool, error) {
	will, err := q.store.unbegun(ctx, tx, subject, destination, kind)
	if err != nil || will {
		return false, err
	}
	return true, q.Add(ctx, tx, subject, destination, kind, payload)
}

func (q *Queue) enqueue(ctx context.Context, tx postgres.Tx, id, destination string) error {
	if _, err := q.river.InsertTx(ctx, tx, Job{id, destination}, nil); err != nil {
		return fmt.Errorf("enqueue effect %s: %w", id, err)
	}
	return nil
}

// later has the effect run again after a pause.
func (q *Queue) later(ctx context.Context, id, destination string, pause time.Duration) error {
	if _, err := q.river.Insert(ctx, Job{id, destination}, &river.InsertOpts{ScheduledAt: time.Now().Add(pause)}); err != nil {
		return fmt.Errorf("enqueue effect %s: %w", id, err)
	}
	return nil
}

// run tries the effect once. It returns when to try again, or zero when there is nothing more
// to do.
func (q *Queue) run(ctx context.Context, id string) (time.Duration, error) {
	e, wait, err := q.store.claim(ctx, id, q.policy.Lease)
	if err != nil || e == nil {
		return wait, err
	}
	return q.attempt(ctx, e)
}

// attempt carries out an effect that was claimed. It returns when to try again, or zero when there is nothing more to do.
func (q *Queue) attempt(ctx context.Context, e *Effect) (time.Duration, error) {
	ctx, span := q.Tracing.Resume(ctx, e.trace, "effect "+e.Kind)
	defer span.End()
	span.Set("crossdock.subject", e.Subject)
	span.Set("crossdock.destination", e.Destination)
	span.Count("crossdock.attempt", e.Attempts)
	ctx = postgres.WithOrigin(ctx, postgres.Origin{Actor: "system:" + e.Kind, Correlation: e.Correlation, Causation: e.ID})
	q.passing("claimed")
	attempt, cancel := context.WithTimeout(lookup.Returns(ctx, e.ID), q.policy.attempt())
	apply, err := q.handlers[e.Kind](attempt, *e)
	cancel()
	q.passing("acted")
	if err == nil {
		err = q.done(ctx, e, apply)
	}
	if err == nil {
		return 0, nil
	}
	if ctx.Err() != nil {
		// We are stopping: the lease runs out and the effect is taken up again.
		return 0, ctx.Err()
	}
	if w, ok := q.unsent(e, err); ok {
		return 0, q.shadowed(ctx, e, w)
	}
	return q.failed(ctx, e, err)
}

func (q *Queue) done(ctx context.Context, e *Effect, apply Apply) error {
	return postgres.InTx(ctx, q.pool, func(tx postgres.Tx) error {
		next, mine, err := q.store.done(ctx, tx, e, "DONE")
		if err != nil || !mine {
			return err // another attempt took over: what it finds counts
		}
		if apply != nil {
			if err := apply(ctx, tx); err != nil {
				return err
			}
		}
		if err := q.exceptions.Clear(ctx, tx, "effect/"+e.ID, "the work went through"); err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		return q.enqueue(ctx, tx, next, e.Destination)
	})
}

func (q *Queue) failed(ctx context.Context, e *Effect, cause error) (time.Duration, error) {
	telemetry.Current(ctx).Failed(string(fault.KindOf(cause)))
	tries := e.Attempts - e.Waited
	pause := q.policy.pause(tries)
	unsure := fault.Unsure(cause)
	if unsure {
		pause = max(pause, q.policy.Lease)
	}
	waits := false
	if f, ok := errors.AsType[*fault.Error](cause); ok {
		switch asked := min(f.RetryAfter, q.policy.Cap); {
		case f.Waits && asked > 0: // until it is our turn
			waits, pause = true, asked
		case f.Waits:
			waits, pause = true, q.policy.pause(e.Attempts)
		default:
			pause = max(pause, asked)
		}
	}
	if !fault.Permanent(cause) && (waits || tries < q.policy.Attempts) {
		q.log.WarnContext(ctx, "effect failed; it will be tried again", "kind", e.Kind, "subject", e.Subject, "destination", e.Destination, "attempts", e.Attempts, "in", pause, "error", cause)
		return pause, q.store.retry(ctx, e, pause, unsure, waits, cause.Error())
	}
	return 0, postgres.InTx(ctx, q.pool, func(tx postgres.Tx) error {
		mine, err := q.store.dead(ctx, tx, e, cause.Error())
		if err != nil || !mine {
			return err
		}
		detail, err := json.Marshal(map[string]any{"kind": e.Kind, "payload": e.Payload, "attempts": e.Attempts, "error": message(cause), "errorKind": fault.KindOf(cause)})
		if err != nil {
			return err
		}
		return q.exceptions.Raise(ctx, tx, operations.Exception{
			Code: "EFFECT_DEAD", Severity: "ERROR", Title: fmt.Sprintf("%s at %s did not go through: %s", e.Kind, e.Destination, message(cause)),
			Detail: detail, Subject: e.Subject, Key: "effect/" + e.ID, Order: orderOf(e.Subject), Source: e.Destination, EffectID: e.ID, CreatedAt: time.Now(),
		})
	})
}

// message is what a person may read of an error.
func message(err error) string {
	if fault.KindOf(err) == fault.Internal {
		return "internal error"
	}
	return err.Error()
}

func orderOf(subject string) trade.OrderID {
	if len(subject) > 6 && subject[:6] == "order/" {
		return trade.OrderID(subject[6:])
	}
	return ""
}

// Retry makes a dead effect due again, with a full set of attempts.
func (q *Queue) Retry(ctx context.Context, tx postgres.Tx, effectID string) error {
	destination, err := q.store.revive(ctx, tx, effectID)
	if err != nil || destination == "" {
		return err
	}
	return q.enqueue(ctx, tx, effectID, destination)
}

// Hurry makes the effect that is next in a queue due now, if it waits for its next attempt.
func (q *Queue) Hurry(ctx context.Context, tx postgres.Tx, subject, destination string) error {
	id, err := q.store.hurry(ctx, tx, subject, destination)
	if err != nil || id == "" {
		return err
	}
	return q.enqueue(ctx, tx, id, destination)
}

// Drop gives a dead effect up; the next of its queue becomes due.
func (q *Queue) Drop(ctx context.Context, tx postgres.Tx, effectID string) error {
	e, next, err := q.store.drop(ctx, tx, effectID)
	if err != nil || e == nil {
		return err
	}
	if settle := q.dropped[e.Kind]; settle != nil {
		if err := settle(ctx, tx, *e); err != nil {
			return err
		}
	}
	if next == "" {
		return nil
	}
	return q.enqueue(ctx, tx, next, e.Destination)
}

// sweepEvery is how often effects are looked for whose job was lost with a process.
const sweepEvery = time.Second

// Run works effects until the context ends, and waits for those that run.
func (q *Queue) Run(ctx context.Context) error {
	if err := q.river.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("job queue: %w", err)
	}
	tick := time.NewTicker(q.sweepEvery)
	defer tick.Stop()
	var serving sync.WaitGroup
	var sweeping atomic.Bool
	defer serving.Wait()
	for {
		select {
		case d := <-q.left:
			serving.Go(func() { q.serve(ctx, d) })
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			return q.river.StopAndCancel(stop)
		case <-tick.C:
			if !sweeping.CompareAndSwap(false, true) {
				continue // it waits for what it has begun
			}
			serving.Go(func() {
				defer sweeping.Store(false)
				if err := q.sweep(ctx); err != nil && ctx.Err() == nil {
					q.log.ErrorContext(ctx, "sweep effects", "error", err)
				}
			})
		}
	}
}

// sweep runs effects that are overdue: their job was lost, or is stuck with a dead process.
func (q *Queue) sweep(ctx context.Context) error {
	lost, err := q.store.overdue(ctx, 2*q.sweepEvery, q.workers, q.busy())
	if err != nil {
		return err
	}
	slots := make(chan struct{}, max(1, q.workers))
	for _, e := range lost {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			if _, err := q.seat(ctx, e.ID, e.Destination); err != nil && ctx.Err() == nil {
				q.log.ErrorContext(ctx, "run overdue effect", "effect", e.ID, "error", err)
			}
		}()
	}
	for range cap(slots) {
		slots <- struct{}{}
	}
	return nil
}
