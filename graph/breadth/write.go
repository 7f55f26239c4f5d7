package breadth

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// writer writes the answer of an operation in one pass, in the order of its selections. It visits every object, also of
// those that have become null, since what is wrong beneath them is told too.
type writer struct {
	run  *run
	buf  []byte
	path []step
	// cost is what the objects cost that were visited, and those that were asked for and are not there.
	cost int
}

// step is a step of the path from the root: a field, or an index of a list.
type step struct {
	field *field
	index int
}

// object writes an object. When a field that must not be null is, the object is not written, and null.
func (w *writer) object(sel *selection, obj any) bool {
	start, whole := len(w.buf), true
	w.cost += sel.weight
	w.buf = append(w.buf, '{')
	for _, f := range sel.fields {
		w.buf = append(w.buf, f.key...)
		w.path = append(w.path, step{field: f})
		if !w.field(f, obj) {
			w.buf = append(w.buf, "null"...)
			whole = whole && !f.def.info.nonNull
		}
		w.path = w.path[:len(w.path)-1]
	}
	return w.close(start, '}', whole)
}

func (w *writer) field(f *field, obj any) bool {
	if f.slot < 0 {
		if f.leads { // what it holds must be visited to the end, or answers would go to others
			return f.def.plain.write(w, f, obj)
		}
		return w.held(f, obj)
	}
	s := &w.run.slots[f.slot]
	s.next++
	before := w.cost
	written := s.answers.write(w, f, s.next-1)
	if w.cost == before { // nothing, or a failure: it was asked for all the same
		w.cost += f.weight
	}
	return written
}

// missing notes that an object was asked for and is not there.
func (w *writer) missing(f *field) {
	if f.slot >= 0 {
		w.cost += f.weight
	}
}

// held writes a field that its parent holds. One that panics is null.
func (w *writer) held(f *field, obj any) (written bool) {
	start, depth := len(w.buf), len(w.path)
	defer func() {
		if v := recover(); v != nil {
			w.buf, w.path, written = w.buf[:start], w.path[:depth], false
			ctx := w.context()
			w.run.op.Error(ctx, w.run.op.Recover(ctx, v))
		}
	}()
	return f.def.plain.write(w, f, obj)
}

// close ends what was begun at start, or takes it back.
func (w *writer) close(start int, with byte, whole bool) bool {
	if !whole {
		w.buf = w.buf[:start]
		return false
	}
	w.buf = append(w.buf, with)
	return true
}

// begin begins an element of a list, and end ends it; it tells whether the list still stands.
func (w *writer) begin(i int, indexed bool) {
	if i > 0 {
		w.buf = append(w.buf, ',')
	}
	if indexed {
		w.path = append(w.path, step{index: i})
	}
}

func (w *writer) end(written, indexed, must bool) bool {
	if indexed {
		w.path = w.path[:len(w.path)-1]
	}
	if !written {
		w.buf = append(w.buf, "null"...)
	}
	return written || !must
}

// null says that a value is null that must not be; nothing when it may.
func (w *writer) null(nonNull string) {
	if nonNull != "" && !w.told() {
		graphql.AddInvalidNullError(w.context(), nonNull)
	}
}

// nullFromMarshaler says that a value is written as null that must not be.
func (w *writer) nullFromMarshaler(nonNull string) {
	if !w.told() {
		graphql.AddInvalidNullFromMarshaler(w.context(), nonNull)
	}
}

// told tells whether something was said of this position by what is beside the answers.
func (w *writer) told() bool {
	if len(w.run.errors) == 0 {
		return false
	}
	here := w.where()
	return slices.ContainsFunc(w.run.errors, func(e *gqlerror.Error) bool { return slices.Equal(e.Path, here) })
}

// where is the path of this position.
func (w *writer) where() ast.Path {
	path := make(ast.Path, len(w.path))
	for i, s := range w.path {
		if s.field != nil {
			path[i] = ast.PathName(s.field.collected.Alias)
		} else {
			path[i] = ast.PathIndex(s.index)
		}
	}
	return path
}

// context is the context that gqlgen would have here, with the fields that lead here.
func (w *writer) context() context.Context {
	ctx := w.run.ctx
	for _, s := range w.path {
		ctx = graphql.WithFieldContext(ctx, s.context())
	}
	return ctx
}

func (s step) context() *graphql.FieldContext {
	if s.field == nil {
		return &graphql.FieldContext{Index: &s.index}
	}
	d := s.field.def
	return &graphql.FieldContext{Object: d.object, Field: s.field.collected, IsMethod: d.method, IsResolver: d.resolver}
}

// tell says why there is no answer here.
func (w *writer) tell(why failure) {
	if !why.located {
		w.tellBeside(why.err)
		return
	}
	ctx := w.context()
	w.run.op.Error(ctx, graphql.AddFieldLocationToError(ctx, why.err))
}

// tellBeside says something of this position whose answer may stand.
func (w *writer) tellBeside(err error) {
	if told, ok := err.(presented); ok { //nolint:errorlint // made here, never wrapped
		e := *told.as
		if len(e.Path) > 0 { // it begins with the field, as the call knew no more
			e.Path = append(w.where(), e.Path[1:]...)
		}
		w.run.errors = append(w.run.errors, &e)
		return
	}
	index := 0
	if len(w.path) > 1 {
		index = w.path[len(w.path)-2].index
	}
	graphql.AddBatchError(w.context(), index, err)
}

// presented is an error that has gone through the presenter.
type presented struct{ as *gqlerror.Error }

func (p presented) Error() string { return p.as.Error() }
