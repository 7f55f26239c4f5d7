package resolvers

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/pricing"
	"crossdock/graph/breadth"
	"crossdock/graph/generated"
	"crossdock/internal/auth"
	"crossdock/sources/batch"
	calls "crossdock/sources/transport"
)

// Limits of one request.
const (
	maxTokens   = 20_000
	maxFields   = 5_000
	maxDepth    = 20
	maxBody     = 4 << 20
	keepAlive   = 15 * time.Second
	queryBudget = 30 * time.Second
	// keptDocuments is how many operations are known; those not asked for longest are forgotten.
	keptDocuments = 1000
)

// intakePatience is how long a mutation waits for the budget of a source.
const intakePatience = 2 * time.Second

// sourcesScope lets a caller see which source calls an operation made.
const sourcesScope = "sources"

// Schema is the executable schema of the graph.
func Schema(r *Resolver) graphql.ExecutableSchema {
	depthFirst := generated.NewExecutableSchema(generated.Config{Resolvers: r})
	r.known.learn(depthFirst.Schema())
	r.contexts = contexts{recent[pricing.Context, pricing.Keys](keptContexts)}
	if r.DepthFirst {
		return depthFirst
	}
	return generated.NewBreadthSchema(generated.Config{Resolvers: r}, breadth.Options{Level: level, Executed: r.Executed, Buffer: r.answers.get, Weight: r.known.costs.Weight, Answered: answered})
}

// level has the calls of a level ask together: what several of them load of one kind is one question. The fields at
// the root have a gate already, see root.
func level(ctx context.Context, level int, asked []breadth.Asked) func(context.Context) (context.Context, func()) {
	s := scopeOf(ctx)
	s.plan = append(s.plan, planned{level, asked})
	if level == 0 {
		return func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
	}
	return batch.NewGate(len(asked)).EnterWhole
}

// Handler serves the graph over POST, GET, server-sent events and graphql-transport-ws. Requests
// other than a WebSocket's must have passed auth.Verifier.Require.
func Handler(r *Resolver, verifier *auth.Verifier, log *slog.Logger) http.Handler {
	srv := handler.New(Schema(r))
	srv.AddTransport(transport.Websocket{
		Implementation:        transport.CoderWebsocketImplementation{AcceptOptions: websocket.AcceptOptions{InsecureSkipVerify: true}},
		KeepAlivePingInterval: keepAlive,
		InitTimeout:           10 * time.Second,
		InitFunc: func(ctx context.Context, init transport.InitPayload) (context.Context, *transport.InitPayload, error) {
			token, ok := auth.Bearer(init.Authorization())
			if !ok {
				return forbidden(ctx), nil, fault.New(fault.Denied, "send a token in connection_init: {\"Authorization\": \"Bearer …\"}")
			}
			who, err := verifier.Verify(token)
			if err != nil {
				return forbidden(ctx), nil, err
			}
			return auth.With(ctx, who), nil, nil
		},
	})
	srv.AddTransport(transport.Options{})
	srv.AddTransport(transport.SSE{KeepAlivePingInterval: keepAlive})
	srv.AddTransport(transport.GET{})
	srv.AddTransport(post{answers: &r.answers})
	srv.Use(extension.Introspection{})
	srv.SetQueryCache(lru.New[*ast.QueryDocument](keptDocuments))
	srv.SetParserTokenLimit(maxTokens)
	srv.SetErrorPresenter(Present(log))
	srv.SetRecoverFunc(func(ctx context.Context, v any) error {
		log.ErrorContext(ctx, "panic", "value", v, "stack", string(debug.Stack()))
		return fault.New(fault.Internal, "panic")
	})
	srv.AroundOperations(r.traced)
	srv.AroundOperations(r.guard)
	srv.AroundOperations(r.placed)
	srv.AroundResponses(r.respond)
	srv.AroundRootFields(root)
	srv.AroundFields(r.resolved)
	return http.MaxBytesHandler(srv, maxBody)
}

// forbidden has the socket closed with the code that graphql-transport-ws gives a refused
// connection.
func forbidden(ctx context.Context) context.Context {
	return transport.WithWebsocketCloseCode(transport.AppendCloseReason(ctx, "Forbidden"), 4403)
}

// guard refuses operations that nobody asks, that ask for too much, or for what the caller's
// scopes do not cover.
func (r *Resolver) guard(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	who := viewer(ctx)
	if who.Subject == "" {
		return refuse("UNAUTHENTICATED", "send a token: Authorization: Bearer …")
	}
	if who.Expired(time.Now()) { // a socket can outlive the token that it was opened with
		return refuse("UNAUTHENTICATED", "the token has expired: connect again with a new one")
	}
	known := r.known.of(op.Operation)
	if known.err == nil {
		known.err = known.lacking(who.Has)
	}
	if known.err != nil {
		return refuse(string(fault.KindOf(known.err)), known.err.Error())
	}
	ctx, refused := r.charged(ctx, known.price.Points(op.Variables))
	if refused != nil {
		return refused
	}
	if op.Operation.Operation == ast.Mutation {
		// What is decided now waits a little for its facts rather than be held for want of them.
		ctx = lookup.In(calls.Patient(ctx, intakePatience), lookup.Intake)
	}
	if streams(ctx) {
		return next(context.WithValue(ctx, endingKey{}, &ending{}))
	}
	ctx, cancel := context.WithTimeout(ctx, queryBudget)
	respond, asked := next(ctx), false
	return func(ctx context.Context) *graphql.Response {
		if asked { // sockets and event streams ask until there is no more
			return nil
		}
		asked = true
		defer cancel()
		res := respond(ctx)
		r.settle(ctx, res)
		return res
	}
}

func refuse(code, message string) graphql.ResponseHandler {
	return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{{Message: message, Extensions: map[string]any{"code": code}}}})
}

// respond gives each response its own batching scope, so that a stream's second event is not
// answered from the first one's.
func (r *Resolver) respond(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if !graphql.HasOperationContext(ctx) {
		return next(ctx) // the request could not be read
	}
	op := graphql.GetOperationContext(ctx)
	if op.Operation == nil {
		return next(ctx) // the operation could not be read
	}
	roots := 0
	if op.Operation.Operation == ast.Query {
		roots = countRoots(op.Operation.SelectionSet, op.Variables)
	}
	s := r.newScope(viewer(ctx), roots, r.known.of(op.Operation).selected)
	ctx = context.WithValue(ctx, scopeKey{}, s)
	began, recorder := time.Now(), &calls.Recorder{}
	ctx = calls.Record(ctx, recorder)
	if op.Operation.Operation == ast.Query {
		ctx = lookup.WithSince(ctx, began)
	}
	res := next(ctx)
	if res == nil {
		return endingOf(ctx).response()
	}
	s.failures.count(res.Errors)
	if viewer(ctx).Has(sourcesScope) {
		list := []map[string]any{}
		for _, c := range recorder.Calls() {
			list = append(list, map[string]any{"source": c.Source, "operation": c.Operation, "keys": c.Keys, "startMs": c.Start.Sub(began).Milliseconds(), "durationMs": c.Duration.Milliseconds(), "outcome": c.Outcome})
		}
		extend(res, "sources", list)
		if s.plan != nil {
			extend(res, "plan", s.plan)
		}
		extend(res, "traceId", traceOf(ctx))
	}
	return res
}

// countRoots counts the resolvers that a query starts with. Fields of one name and alias are one; introspection
// has none of ours, and what @skip or @include leaves out is never begun.
func countRoots(set ast.SelectionSet, vars map[string]any) int {
	names := map[string]bool{}
	var walk func(ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, sel := range set {
			switch s := sel.(type) {
			case *ast.Field:
				if included(s.Directives, vars) && !strings.HasPrefix(s.Name, "__") {
					names[s.Alias] = true
				}
			case *ast.InlineFragment:
				if included(s.Directives, vars) {
					walk(s.SelectionSet)
				}
			case *ast.FragmentSpread:
				if included(s.Directives, vars) {
					walk(s.Definition.SelectionSet)
				}
			}
		}
	}
	walk(set)
	return len(names)
}

// included reports whether @skip and @include leave a selection in.
func included(directives ast.DirectiveList, vars map[string]any) bool {
	says := func(name string) any {
		if d := directives.ForName(name); d != nil {
			return d.ArgumentMap(vars)["if"]
		}
		return nil
	}
	return says("skip") != true && says("include") != false
}

// root takes a query's root field through the gate, also when its arguments cannot be read.
func root(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	s := scopeOf(ctx)
	if s == nil {
		return next(ctx)
	}
	ctx, arrive := s.gate.Enter(ctx)
	defer arrive()
	return next(ctx)
}

// resolved notes that a root field's resolver has returned, and so has announced its keys.
func (r *Resolver) resolved(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	if field.Object == "Query" && field.Field.Name == "_entities" {
		if err := r.sameKey(ctx, field.Args); err != nil {
			return nil, err
		}
		ctx = representing(ctx, field.Args)
	}
	v, err := next(ctx)
	if field.Object == "Query" {
		batch.Arrive(ctx)
	}
	return v, err
}
