package resolvers

import (
	"context"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"

	"crossdock/domains/trade"
	"crossdock/graph/generated"
	"crossdock/internal/auth"
	"crossdock/internal/limits"
)

// TestQueriesWaitForAPlace, as long as they may, and whoever leaves makes room for the next.
func TestQueriesWaitForAPlace(t *testing.T) {
	t.Parallel()
	p := NewPlaces(1)
	leave, _ := p.take(t.Context())
	ended, end := context.WithCancel(t.Context())
	end()
	if got, why := p.take(ended); got != nil || why == "" {
		t.Errorf("a place was found beside the only one: %q", why)
	}
	entered := make(chan func())
	go func() {
		next, _ := p.take(t.Context())
		entered <- next
	}()
	for p.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	leave()
	next := <-entered
	if running, waiting := p.Running(), p.Waiting(); running != 1 || waiting != 0 {
		t.Errorf("%d run and %d wait", running, waiting)
	}
	p.waiting.Add(maxWaiting)
	if got, why := p.take(t.Context()); got != nil || why == "" {
		t.Error("there is no end of those who wait")
	}
	p.waiting.Add(-maxWaiting)
	next()
	if running, waiting := p.Running(), p.Waiting(); running != 0 || waiting != 0 {
		t.Errorf("in the end %d run and %d wait", running, waiting)
	}
	if NewPlaces(0) != nil {
		t.Error("0 bounds something")
	}
}

// TestAQueryTakesOnePlace, also where a stream asks for more answers than there are while another query has the place.
func TestAQueryTakesOnePlace(t *testing.T) {
	t.Parallel()
	r := &Resolver{Places: NewPlaces(1), Limits: limits.New(nil, limits.Limit{Operation: 1}, nil), Charged: func(string, int, string) {}}
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	r.known.learn(schema)
	doc, err := gqlparser.LoadQueryWithRules(schema, `{ viewer { name } }`, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(graphql.WithOperationContext(t.Context(), &graphql.OperationContext{Operation: doc.Operations[0]}))
	ctx = auth.With(ctx, trade.Viewer{Subject: "bea", Until: time.Now().Add(time.Hour)})
	respond := r.guard(ctx, func(ctx context.Context) graphql.ResponseHandler {
		return r.placed(ctx, func(context.Context) graphql.ResponseHandler {
			return func(context.Context) *graphql.Response { return &graphql.Response{} }
		})
	})
	if respond(ctx) == nil {
		t.Fatal("no answer")
	}
	end()
	leave, _ := r.Places.take(t.Context())
	defer leave()
	if again := respond(ctx); again != nil {
		t.Errorf("an answer more: %+v", again.Errors)
	}
}
