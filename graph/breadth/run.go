package breadth

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"crossdock/internal/stack"
)

// run is one execution of a plan.
type run struct {
	schema *Schema
	plan   *plan
	op     *graphql.OperationContext
	env    any
	ctx    context.Context //nolint:containedctx // a run is one response, whose context this is
	slots  []slot
	// sets are the objects that fields are asked for, by selection.
	sets [][]any
	// errors are those that calls have told by themselves.
	errors gqlerror.List
}

// slot is what was answered at a fetching field.
type slot struct {
	answers answers
	// next is the answer that is written next.
	next int
}

func (s *Schema) newRun(ctx context.Context, op *graphql.OperationContext, p *plan) *run {
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: rootOf[op.Operation.Operation]})
	r := &run{schema: s, plan: p, op: op, env: s.env(op), ctx: ctx, slots: make([]slot, p.slots), sets: make([][]any, p.sets)}
	if p.root.set >= 0 {
		r.sets[p.root.set] = []any{nil}
	}
	return r
}

// answer executes the plan and writes what it found. What panics outside of calls and of what a parent holds, such as an
// object of a type that nobody knows, makes all of the data null.
func (r *run) answer() *graphql.Response {
	w := &writer{run: r, path: make([]step, 0, 16)}
	ok := func() (ok bool) {
		defer func() {
			if v := recover(); v != nil {
				ctx := w.context()
				r.op.Error(ctx, r.op.Recover(ctx, v))
				ok = false
			}
		}()
		for _, g := range r.plan.groups {
			r.levels(g)
		}
		size := int(r.plan.size.Load())
		w.buf = r.schema.options.Buffer(size + size/8 + 64)
		return w.object(r.plan.root, nil)
	}()
	if !ok {
		w.buf = append(w.buf[:0], "null"...)
	}
	r.plan.size.Store(int64(len(w.buf)))
	r.schema.options.Answered(r.ctx, w.cost)
	return &graphql.Response{Data: w.buf, Errors: r.errors}
}

// levels asks, level by level, for what the plan needs: each field once for all its parents, those of a level at the
// same time.
func (r *run) levels(g group) {
	for level, fields := range g {
		var asked []*field
		var calls []Asked
		for _, f := range fields {
			s := &r.slots[f.slot]
			switch n := len(r.sets[f.set]); {
			case s.answers != nil: // a stream's event, which came by itself
				s.answers.gather(r, f)
			case n > 0:
				asked, calls = append(asked, f), append(calls, Asked{f.def.coordinate, n})
				r.plan.parents[f.set].Store(int64(n))
			}
		}
		if len(asked) == 0 {
			continue
		}
		enter := r.schema.options.Level(r.ctx, level, calls)
		var wg sync.WaitGroup
		for _, f := range asked[1:] {
			wg.Go(func() {
				stack.Reserve()
				r.ask(f, level, enter)
			})
		}
		r.ask(asked[0], level, enter)
		wg.Wait()
		for _, f := range asked {
			r.slots[f.slot].answers.gather(r, f)
		}
	}
}

// gather notes an object as a parent of the fetching fields that are selected of it, here or beneath what it holds.
func (r *run) gather(sel *selection, obj any) {
	if sel.set >= 0 {
		set := &r.sets[sel.set]
		if *set == nil {
			*set = make([]any, 0, r.plan.parents[sel.set].Load())
		}
		*set = append(*set, obj)
	}
	for _, f := range sel.leading {
		f.def.plain.gather(r, f, obj)
	}
}

// ask makes one field's call.
func (r *run) ask(f *field, level int, enter func(context.Context) (context.Context, func())) {
	s := &r.slots[f.slot]
	ctx, done := enter(r.ctx)
	defer done()
	c := &call{run: r, field: f, root: level == 0, ctx: ctx}
	defer func() {
		if v := recover(); v != nil { // outside of what around calls
			s.answers = lost{r.op.RecoverFunc(c.ctx, v)}
		}
	}()
	if !c.root {
		// What a call says by itself is told when the position of its parents is known.
		ctx = graphql.WithFreshResponseContext(ctx)
		c.ctx = context.WithValue(ctx, callKey{}, c)
		s.answers = c.made(r.sets[f.set])
		return
	}
	ctx = graphql.WithRootFieldContext(ctx, &graphql.RootFieldContext{Object: f.collected.Name, Field: f.collected})
	r.op.RootResolverMiddleware(ctx, func(ctx context.Context) graphql.Marshaler {
		c.ctx = ctx
		s.answers = c.made(r.sets[f.set])
		return graphql.Null
	})
	if s.answers == nil { // an interceptor did not go on, which is for it to explain
		s.answers = nothing{}
	}
}

// call is the call of one fetching field for all its parents.
type call struct {
	run   *run
	field *field
	root  bool
	ctx   context.Context //nolint:containedctx // the call's own
	fc    *graphql.FieldContext
	// heard is how many errors the call has told by itself so far.
	heard int

	mu       sync.Mutex
	reported map[int][]error
}

type callKey struct{}

// Report says of one parent of a batch resolver, by its index, that something is wrong, without taking its answer away.
// It does what graphql.AddBatchError does, also where the parents are of many lists.
func Report(ctx context.Context, parent int, err error) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		graphql.AddBatchError(ctx, parent, err)
		return
	}
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reported == nil {
		c.reported = map[int][]error{}
	}
	c.reported[parent] = append(c.reported[parent], err)
}

// made reads the arguments and asks.
func (c *call) made(parents []any) answers {
	fc, err := c.field.def.context(c.ctx, c.run.env, c.field.collected)
	if err != nil {
		return misread{c.root}
	}
	c.fc = fc
	c.ctx = graphql.WithFieldContext(c.ctx, fc)
	return c.field.def.fetch.fetch(c, parents)
}

// around asks through the interceptors of fields, and survives what it asks.
func (c *call) around(ask graphql.Resolver) (v any, failed failure) {
	defer func() {
		if p := recover(); p != nil {
			v, failed = nil, failure{err: c.run.op.RecoverFunc(c.ctx, p)}
		}
	}()
	v, err := c.run.op.ResolverMiddleware(c.ctx, ask)
	return v, failure{err: err, located: err != nil}
}

// beside adds to a list what the call has told by itself since it was last asked, of the parent i, and what it
// reported of any.
func (c *call) beside(i int, list map[int][]error) map[int][]error {
	told := graphql.GetErrors(c.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(told) == c.heard && c.reported == nil {
		return list
	}
	if list == nil {
		list = map[int][]error{}
	}
	for _, e := range told[c.heard:] {
		list[i] = append(list[i], presented{e})
	}
	c.heard = len(told)
	for parent, errs := range c.reported {
		list[parent] = append(list[parent], errs...)
	}
	c.reported = nil
	return list
}

// misread are the answers of a field whose arguments cannot be read. At the root, reading them has said why.
type misread struct{ root bool }

func (m misread) write(w *writer, f *field, _ int) bool {
	if !m.root {
		above := *w
		above.path = w.path[:len(w.path)-1]
		_, _ = f.def.context(above.context(), w.run.env, f.collected) // which says it again, with the path
	}
	return false
}

func (misread) gather(*run, *field) {}

// lost are the answers of a call that panicked.
type lost struct{ err error }

func (l lost) write(w *writer, _ *field, _ int) bool {
	w.tellBeside(l.err)
	return false
}

func (lost) gather(*run, *field) {}

// nothing are the answers of a field that was not asked: null, whatever may be.
type nothing struct{}

func (nothing) write(*writer, *field, int) bool { return false }
func (nothing) gather(*run, *field)             {}

// stream gives the values of a subscription, one at a time.
type stream func(ctx context.Context) (answers, bool)

type streamed[T any] struct {
	ask   func(ctx context.Context, env any, fc *graphql.FieldContext) (<-chan T, error)
	shape Shape[T]
}

func (s streamed[T]) open(ctx context.Context, env any, fc *graphql.FieldContext, around graphql.FieldMiddleware) (stream, error) {
	v, err := around(ctx, func(ctx context.Context) (any, error) { return s.ask(ctx, env, fc) })
	if err != nil {
		return nil, err
	}
	ch, _ := v.(<-chan T)
	return func(ctx context.Context) (answers, bool) {
		select {
		case v, ok := <-ch:
			return &got[T]{shape: s.shape, values: []T{v}}, ok
		case <-ctx.Done():
			return nil, false
		}
	}, nil
}

// subscribe opens the stream of a subscription. Each of its values is a response of its own.
func (s *Schema) subscribe(ctx context.Context, op *graphql.OperationContext, p *plan) graphql.ResponseHandler {
	end := func(context.Context) *graphql.Response { return nil }
	f := p.root.fields[0]
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: rootOf[ast.Subscription]})
	next, ok := func() (next stream, ok bool) {
		fc, err := f.def.context(ctx, s.env(op), f.collected)
		if err != nil {
			return nil, false
		}
		ctx := graphql.WithFieldContext(ctx, fc)
		defer func() {
			if v := recover(); v != nil {
				op.Error(ctx, op.Recover(ctx, v))
				next, ok = nil, false
			}
		}()
		next, err = f.def.stream.open(ctx, s.env(op), fc, op.ResolverMiddleware)
		if err != nil {
			op.Error(ctx, graphql.AddFieldLocationToError(ctx, err))
		}
		return next, err == nil
	}()
	if !ok {
		return end
	}
	return func(ctx context.Context) *graphql.Response {
		event, ok := next(ctx)
		if !ok {
			return nil
		}
		r := s.newRun(ctx, op, p)
		r.slots[f.slot].answers = event
		return r.answer() //nolint:contextcheck // a run holds it
	}
}
