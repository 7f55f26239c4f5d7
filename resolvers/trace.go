package resolvers

import (
	"context"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"crossdock/internal/postgres"
)

// traced follows an operation from when it began to be read until it is answered. The events that come of it have its trace as correlation. A
// stream is followed until it is open.
func (r *Resolver) traced(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	name := strings.TrimSpace(string(op.Operation.Operation) + " " + op.Operation.Name)
	ctx, span := r.Tracing.Serve(ctx, name, op.Headers, op.Stats.OperationStart)
	ctx = postgres.Traced(postgres.WithOrigin(ctx, postgres.Origin{Actor: viewer(ctx).Subject}))
	respond := next(ctx)
	if span == nil {
		return respond
	}
	span.Set("graphql.operation.type", string(op.Operation.Operation))
	span.Set("graphql.operation.name", op.Operation.Name)
	span.Set("crossdock.client", viewer(ctx).Client)
	if streams(ctx) {
		span.End()
		return respond
	}
	return func(ctx context.Context) *graphql.Response {
		defer span.End() // again, when there is no more
		res := respond(ctx)
		if res == nil {
			return nil
		}
		if len(res.Errors) > 0 {
			code, _ := res.Errors[0].Extensions["code"].(string)
			span.Failed(code)
			span.Count("graphql.errors", len(res.Errors))
		}
		if c, ok := ctx.Value(chargeKey{}).(*charge); ok {
			span.Count("crossdock.cost", c.actual)
		}
		return res
	}
}

// traceOf is the id that ties together all that a request set in motion, as W3C Trace Context writes it. Events
// carry the same as their correlation.
func traceOf(ctx context.Context) string {
	return strings.ReplaceAll(postgres.OriginOf(ctx).Correlation, "-", "")
}
