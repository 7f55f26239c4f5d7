package resolvers

import (
	"context"
	"errors"
	"math"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"crossdock/internal/limits"
)

// charge is what an operation was charged for.
type charge struct {
	caller    limits.Caller
	requested int
	// actual is what it has cost; as requested where nobody counts.
	actual int
	status limits.Status
}

type chargeKey struct{}

// charged takes what an operation may cost from its caller's points, or returns why it is not asked. A subscription is charged once, for one
// event.
func (r *Resolver) charged(ctx context.Context, points int) (context.Context, graphql.ResponseHandler) {
	who := viewer(ctx)
	c := &charge{caller: limits.Caller{Client: who.Application, Subject: who.Subject}, requested: points, actual: points}
	var err error
	if c.status, err = r.Limits.Take(ctx, c.caller, points); err == nil {
		if streams(ctx) {
			r.Charged(c.caller.Client, points, "")
		}
		return context.WithValue(ctx, chargeKey{}, c), nil
	}
	c.actual = 0
	code, says := "COST_LIMIT_EXCEEDED", map[string]any{}
	if spent, ok := errors.AsType[*limits.SpentError](err); ok {
		code, says["retryAfter"] = "RATE_LIMITED", math.Ceil(spent.After.Seconds())
	} else if !errors.As(err, new(*limits.TooExpensiveError)) {
		return ctx, graphql.OneShot(&graphql.Response{Errors: gqlerror.List{Present(r.Log)(ctx, err)}})
	}
	r.Charged(c.caller.Client, 0, code)
	says["code"] = code
	return ctx, graphql.OneShot(&graphql.Response{Errors: gqlerror.List{{Message: err.Error(), Extensions: says}}, Extensions: map[string]any{"cost": c.said()}})
}

// streams tells whether an operation is a subscription.
func streams(ctx context.Context) bool {
	return graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription
}

// answered notes what an answer has cost.
func answered(ctx context.Context, cost int) {
	if c, ok := ctx.Value(chargeKey{}).(*charge); ok {
		c.actual = cost
	}
}

// settle gives back what an operation was charged for and did not find, or takes what it found beyond that, and tells what it has cost. Without
// a response it has cost nothing.
func (r *Resolver) settle(ctx context.Context, res *graphql.Response) {
	c, ok := ctx.Value(chargeKey{}).(*charge)
	if !ok {
		return
	}
	if res == nil {
		c.actual = 0
	}
	var err error
	if c.status, err = r.Limits.Back(context.WithoutCancel(ctx), c.caller, c.requested-c.actual); err != nil {
		r.Log.WarnContext(ctx, "points were not given back", "error", err)
	}
	r.Charged(c.caller.Client, c.actual, "")
	if res != nil {
		extend(res, "cost", c.said())
	}
}

// costs is what extensions.cost says, in the words of Shopify's Admin API, which integrators know.
type costs struct {
	Requested int       `json:"requestedQueryCost"`
	Actual    int       `json:"actualQueryCost"`
	Throttle  *throttle `json:"throttleStatus,omitempty"`
}

type throttle struct {
	Maximum   int `json:"maximumAvailable"`
	Available int `json:"currentlyAvailable"`
	PerSecond int `json:"restoreRate"`
}

func (c *charge) said() costs {
	out := costs{Requested: c.requested, Actual: c.actual}
	if s := c.status; s.Points > 0 {
		out.Throttle = &throttle{s.Points, s.Available, s.PerSecond}
	}
	return out
}

// extend adds to what a response says beside its data.
func extend(res *graphql.Response, name string, v any) {
	if res.Extensions == nil {
		res.Extensions = map[string]any{}
	}
	res.Extensions[name] = v
}
