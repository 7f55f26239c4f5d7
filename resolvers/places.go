package resolvers

import (
	"context"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/semaphore"
)

// Places bound how many queries execute at once, and so what they hold in memory. The others wait, in the order in which they came.
// Mutations and subscriptions need none: intake does not wait for readers.
type Places struct {
	free             *semaphore.Weighted
	running, waiting atomic.Int64
}

// maxWaiting bounds the queries that wait for a place.
const maxWaiting = 1000

// NewPlaces returns so many places; nil, which bounds nothing, for 0.
func NewPlaces(n int) *Places {
	if n == 0 {
		return nil
	}
	return &Places{free: semaphore.NewWeighted(int64(n))}
}

// Running is how many queries execute.
func (p *Places) Running() int64 { return p.running.Load() }

// Waiting is how many queries wait for a place.
func (p *Places) Waiting() int64 { return p.waiting.Load() }

// take waits for a place, and returns how to leave it, or why there is none.
func (p *Places) take(ctx context.Context) (leave func(), why string) {
	if !p.free.TryAcquire(1) {
		defer p.waiting.Add(-1)
		if p.waiting.Add(1) > maxWaiting {
			return nil, "too many queries wait already: ask again in a while"
		}
		if p.free.Acquire(ctx, 1) != nil {
			return nil, "the query found no place in its time: ask again in a while"
		}
	}
	p.running.Add(1)
	return func() {
		p.running.Add(-1)
		p.free.Release(1)
	}, ""
}

// placed has a query wait for its place.
func (r *Resolver) placed(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	respond := next(ctx)
	if r.Places == nil || graphql.GetOperationContext(ctx).Operation.Operation != ast.Query {
		return respond
	}
	return func(ctx context.Context) *graphql.Response {
		leave, why := r.Places.take(ctx)
		if leave == nil {
			answered(ctx, 0)
			return refuse("OVERLOADED", why)(ctx)
		}
		defer leave()
		return respond(ctx)
	}
}
