// Package breadth executes GraphQL operations breadth first. An operation is made into a plan once. Its fetching fields
// are asked level by level, each once for all its parents in the whole response, those of a level at the same time;
// then the answer is written in one pass, straight from the typed values.
//
// It stands behind graphql.ExecutableSchema, in front of gqlgen's own executor, whose resolvers, arguments, errors and
// interceptors it uses. What a plan does not cover (introspection, @defer) gqlgen executes as ever. Interceptors of
// fields are called around what fetches, not around what a parent holds.
package breadth

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// keptPlans is how many operations' plans are kept; those not used for longest go first.
const keptPlans = 1000

// Options are how a schema is executed. The zero value is ready to use.
type Options struct {
	// Level is called before the calls of a level, with what they ask for. Each call enters with the function that it
	// returns, and calls what that returns when it has ended.
	Level func(ctx context.Context, level int, asked []Asked) func(context.Context) (context.Context, func())
	// Executed is told of each operation why gqlgen executes it, or nothing when a plan does.
	Executed func(ctx context.Context, why string)
	// Weight is what an object of a type costs that a field of an object returns, or a leaf where the type is empty.
	Weight func(object, field, of string) int
	// Answered is told what an answer has cost: the weights of the objects that were found, also
	// of those that have become null, and for each question that found nothing that of an object.
	Answered func(ctx context.Context, cost int)
	// Buffer is the memory, of at least a size, that an answer is written into, if it does not get longer. It is whoever takes the
	// answer who may use it again.
	Buffer func(size int) []byte
}

// Asked is one call of a level: the field, as Type.field, and for how many parents it is asked.
type Asked struct {
	Field   string `json:"field"`
	Parents int    `json:"parents"`
}

// Schema executes operations of a schema.
type Schema struct {
	graphql.ExecutableSchema
	tables  *Tables
	env     func(*graphql.OperationContext) any
	options Options
	plans   *lru.Cache[*ast.OperationDefinition, *prepared]
}

// New returns gqlgen's schema executed breadth first. env makes what the tables' functions are given for an operation.
func New(s graphql.ExecutableSchema, t *Tables, env func(*graphql.OperationContext) any, o Options) *Schema {
	plans, err := lru.New[*ast.OperationDefinition, *prepared](keptPlans)
	if err != nil {
		panic(err) // for a size that is not positive
	}
	if o.Level == nil {
		o.Level = func(context.Context, int, []Asked) func(context.Context) (context.Context, func()) { return alone }
	}
	if o.Executed == nil {
		o.Executed = func(context.Context, string) {}
	}
	if o.Weight == nil {
		o.Weight = func(string, string, string) int { return 0 }
	}
	if o.Answered == nil {
		o.Answered = func(context.Context, int) {}
	}
	if o.Buffer == nil {
		o.Buffer = func(size int) []byte { return make([]byte, 0, size) }
	}
	return &Schema{s, t, env, o, plans}
}

func alone(ctx context.Context) (context.Context, func()) { return ctx, func() {} }

// Exec implements graphql.ExecutableSchema.
func (s *Schema) Exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	p, err := s.planOf(op)
	if err != nil {
		why, _ := errors.AsType[uncovered](err)
		s.options.Executed(ctx, string(why))
		return s.ExecutableSchema.Exec(ctx)
	}
	s.options.Executed(ctx, "")
	if op.Operation.Operation == ast.Subscription {
		return s.subscribe(ctx, op, p)
	}
	first := true
	return func(ctx context.Context) *graphql.Response {
		if !first {
			return nil
		}
		first = false
		return s.newRun(ctx, op, p).answer() //nolint:contextcheck // a run holds it
	}
}

// planOf is the plan of an operation. The document cache of gqlgen's executor gives equal documents one operation.
func (s *Schema) planOf(op *graphql.OperationContext) (*plan, error) {
	known, ok := s.plans.Get(op.Operation)
	if !ok {
		known = &prepared{conditions: conditions(op.Doc, op.Operation), plans: map[string]planned{}}
		if before, had, _ := s.plans.PeekOrAdd(op.Operation, known); had {
			known = before
		}
	}
	return known.plan(s.tables, op, s.options.Weight)
}
