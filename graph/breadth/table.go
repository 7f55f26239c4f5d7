package breadth

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
)

// Tables say how the objects of a schema are read. They are generated beside gqlgen's own code, from the same
// schema and configuration.
type Tables struct {
	types map[string]*Type
	// abstract are the types that an interface or a union stands for.
	abstract map[string][]*Type
}

// NewTables returns tables of these types. It panics when two have one name, which no generator writes.
func NewTables(types ...Type) *Tables {
	t := &Tables{types: make(map[string]*Type, len(types)), abstract: map[string][]*Type{}}
	for i := range types {
		typ := &types[i]
		if t.types[typ.Name] != nil {
			panic("breadth: two types are named " + typ.Name)
		}
		typ.fields = make(map[string]*Field, len(typ.Fields))
		for k := range typ.Fields {
			f := &typ.Fields[k]
			f.object, f.coordinate, typ.fields[f.name] = typ.Name, typ.Name+"."+f.name, f
		}
		t.types[typ.Name] = typ
		for _, name := range typ.Is {
			if name != typ.Name {
				t.abstract[name] = append(t.abstract[name], typ)
			}
		}
	}
	return t
}

// Type is an object type.
type Type struct {
	Name string
	// Is are the types that its objects satisfy: itself, its interfaces and the unions it is in.
	Is     []string
	Fields []Field
	fields map[string]*Field
}

// Field is a field of an object type. One that fetches is called once for all its parents at a level; any other is
// read from its parent when the answer is written.
type Field struct {
	name, object string
	// coordinate is the two, as Type.field.
	coordinate       string
	method, resolver bool
	info             info
	// Of the following, one is set.
	plain  plain
	fetch  fetcher
	stream streamer
	// context makes the field's context with its arguments, for one that fetches.
	context FieldContext
}

// FieldContext is gqlgen's maker of a field's context. It reads the arguments, and says itself what is wrong with them.
type FieldContext func(ctx context.Context, env any, f graphql.CollectedField) (*graphql.FieldContext, error)

// plain reads a field from its parent.
type plain interface {
	write(w *writer, f *field, parent any) bool
	gather(r *run, f *field, parent any)
}

// fetcher asks for a field of many parents.
type fetcher interface {
	fetch(c *call, parents []any) answers
}

// streamer opens a field's stream.
type streamer interface {
	open(ctx context.Context, env any, fc *graphql.FieldContext, around graphql.FieldMiddleware) (stream, error)
}

// Plain is a field that its parent holds, or that a method of it computes.
func Plain[O, T any](name string, method bool, get func(O) T, shape Shape[T]) Field {
	return Field{name: name, method: method, info: shape.info(), plain: held[O, T]{get, shape}}
}

// Batch is a field that is asked for all its parents in one call, as gqlgen's batch resolvers are.
func Batch[O, T any](name string, fc FieldContext, ask func(ctx context.Context, env any, fc *graphql.FieldContext, parents []O) ([]T, error), shape Shape[T]) Field {
	return Field{name: name, method: true, resolver: true, info: shape.info(), context: fc, fetch: batched[O, T]{ask, shape}}
}

// Single is a field that is asked for each parent by itself.
func Single[O, T any](name string, resolver bool, fc FieldContext, ask func(ctx context.Context, env any, fc *graphql.FieldContext, parent O) (T, error), shape Shape[T]) Field {
	return Field{name: name, method: true, resolver: resolver, info: shape.info(), context: fc, fetch: single[O, T]{ask, shape}}
}

// Root is a field of a query or a mutation.
func Root[T any](name string, resolver bool, fc FieldContext, ask func(ctx context.Context, env any, fc *graphql.FieldContext) (T, error), shape Shape[T]) Field {
	return Field{name: name, method: true, resolver: resolver, info: shape.info(), context: fc, fetch: rooted[T]{ask, shape}}
}

// Stream is a field of a subscription.
func Stream[T any](name string, fc FieldContext, open func(ctx context.Context, env any, fc *graphql.FieldContext) (<-chan T, error), shape Shape[T]) Field {
	return Field{name: name, method: true, resolver: true, info: shape.info(), context: fc, stream: streamed[T]{open, shape}}
}

// Uncovered is a field that plans do not execute. Operations that select it are gqlgen's.
func Uncovered(name string) Field { return Field{name: name} }

type held[O, T any] struct {
	get   func(O) T
	shape Shape[T]
}

func (h held[O, T]) write(w *writer, f *field, parent any) bool {
	return h.shape.write(w, f, h.get(parent.(O))) //nolint:forcetypeassert // the tables say so
}

func (h held[O, T]) gather(r *run, f *field, parent any) {
	h.shape.gather(r, f, h.get(parent.(O))) //nolint:forcetypeassert // the tables say so
}

// typename is the field __typename of a type.
type typename []byte

func (t typename) write(w *writer, _ *field, _ any) bool {
	w.buf = append(w.buf, t...)
	return true
}

func (typename) gather(*run, *field, any) {}

type batched[O, T any] struct {
	ask   func(ctx context.Context, env any, fc *graphql.FieldContext, parents []O) ([]T, error)
	shape Shape[T]
}

func (b batched[O, T]) fetch(c *call, parents []any) answers {
	objs := make([]O, len(parents))
	for i, p := range parents {
		objs[i] = p.(O) //nolint:forcetypeassert // the tables say so
	}
	out := &got[T]{shape: b.shape}
	var batch []T
	_, failed := c.around(func(ctx context.Context) (any, error) {
		var err error
		batch, err = b.ask(ctx, c.run.env, c.fc, objs)
		return nil, err
	})
	out.failures = failuresOf(failed.err, len(batch), len(parents), c.field)
	if out.values = batch; len(batch) != len(parents) {
		out.values = make([]T, len(parents))
	}
	out.beside = c.beside(0, out.beside)
	return out
}

// failuresOf reads the error of a batch resolver, which is one for all parents or a list with one for each.
func failuresOf(err error, results, parents int, f *field) []failure {
	var each []error
	if list, ok := err.(graphql.BatchErrors); ok { //nolint:errorlint // as gqlgen asks
		each = list.Errors()
	}
	switch {
	case err != nil && each == nil:
	case results != parents:
		err = fmt.Errorf("batch resolver %s returned %d results for %d parents", f.def.coordinate, results, parents)
	case each != nil && len(each) != parents:
		err = fmt.Errorf("batch resolver %s returned %d errors for %d parents", f.def.coordinate, len(each), parents)
	case each == nil:
		return nil
	default:
		err = nil
	}
	out := make([]failure, parents)
	for i := range out {
		if out[i].err = err; err == nil {
			out[i].err = each[i]
		}
	}
	return out
}

type single[O, T any] struct {
	ask   func(ctx context.Context, env any, fc *graphql.FieldContext, parent O) (T, error)
	shape Shape[T]
}

func (s single[O, T]) fetch(c *call, parents []any) answers {
	out := &got[T]{shape: s.shape, values: make([]T, len(parents))}
	for i, p := range parents {
		v, failed := c.around(func(ctx context.Context) (any, error) {
			return s.ask(ctx, c.run.env, c.fc, p.(O)) //nolint:forcetypeassert // the tables say so
		})
		out.keep(i, v, failed)
		out.beside = c.beside(i, out.beside)
	}
	return out
}

type rooted[T any] struct {
	ask   func(ctx context.Context, env any, fc *graphql.FieldContext) (T, error)
	shape Shape[T]
}

func (s rooted[T]) fetch(c *call, _ []any) answers {
	out := &got[T]{shape: s.shape, values: make([]T, 1)}
	v, failed := c.around(func(ctx context.Context) (any, error) { return s.ask(ctx, c.run.env, c.fc) })
	out.keep(0, v, failed)
	return out
}

// answers are what a call brought, one for each parent.
type answers interface {
	write(w *writer, f *field, i int) bool
	gather(r *run, f *field)
}

// failure is why there is no answer for a parent.
type failure struct {
	err error
	// located is true when gqlgen says where in the document the field is.
	located bool
}

// got are the answers of one call. Where nothing failed, failures are nil.
type got[T any] struct {
	shape    Shape[T]
	values   []T
	failures []failure
	// beside are failures that were told beside an answer.
	beside map[int][]error
}

// keep takes over what was answered for one parent.
func (g *got[T]) keep(i int, v any, failed failure) {
	if failed.err == nil && v != nil {
		typed, ok := v.(T)
		if ok {
			g.values[i] = typed
			return
		}
		failed.err = fmt.Errorf("unexpected type %T from middleware/directive chain, should be %T", v, g.values[i])
	}
	if failed.err != nil {
		if g.failures == nil {
			g.failures = make([]failure, len(g.values))
		}
		g.failures[i] = failed
	}
}

func (g *got[T]) write(w *writer, f *field, i int) bool {
	for _, err := range g.beside[i] {
		w.tellBeside(err)
	}
	if g.failures != nil && g.failures[i].err != nil {
		w.tell(g.failures[i])
		return false
	}
	return g.shape.write(w, f, g.values[i])
}

func (g *got[T]) gather(r *run, f *field) {
	for i, v := range g.values {
		if g.failures == nil || g.failures[i].err == nil {
			g.shape.gather(r, f, v)
		}
	}
}
