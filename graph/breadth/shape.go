package breadth

import (
	"strconv"

	"github.com/99designs/gqlgen/graphql"
)

// Shape is how values of a Go type are written as a GraphQL type, and where objects are in them. The nonNull of a shape
// is the type as it is written, such as "Order!", where null is not allowed, and empty where it is.
type Shape[T any] interface {
	info() info
	// write writes a value. When the value is null, or has become it, it writes nothing and returns false.
	write(w *writer, f *field, v T) bool
	// gather visits the objects of a value in the order in which write does.
	gather(r *run, f *field, v T)
}

// info is what a plan has to know of a shape.
type info struct {
	// of is the type of the objects in it; empty for leaves.
	of      string
	nonNull bool
}

// Append writes a scalar in JSON, and returns false when it is null.
type Append[T any] func(b []byte, v T) ([]byte, bool)

// Leaf is a scalar or an enum.
func Leaf[T any](add Append[T], nonNull string) Shape[T] { return leaf[T]{add, nonNull} }

type leaf[T any] struct {
	add     Append[T]
	nonNull string
}

func (l leaf[T]) info() info { return info{nonNull: l.nonNull != ""} }

func (l leaf[T]) write(w *writer, _ *field, v T) bool {
	b, ok := l.add(w.buf, v)
	if ok {
		w.buf = b
	} else if l.nonNull != "" {
		w.nullFromMarshaler(l.nonNull)
	}
	return ok
}

func (leaf[T]) gather(*run, *field, T) {}

// Nilable is a leaf of a Go type that has a nil, other than a pointer.
func Nilable[T any](isNil func(T) bool, shape Shape[T], nonNull string) Shape[T] {
	return nilable[T]{shape, isNil, nonNull}
}

type nilable[T any] struct {
	Shape[T]
	isNil   func(T) bool
	nonNull string
}

func (n nilable[T]) write(w *writer, f *field, v T) bool {
	if n.isNil(v) {
		w.null(n.nonNull)
		return false
	}
	return n.Shape.write(w, f, v)
}

// Optional is a pointer to a leaf.
func Optional[T any](shape Shape[T], nonNull string) Shape[*T] { return optional[T]{shape, nonNull} }

type optional[T any] struct {
	shape   Shape[T]
	nonNull string
}

func (o optional[T]) info() info { return info{nonNull: o.nonNull != ""} }

func (o optional[T]) write(w *writer, f *field, v *T) bool {
	if v == nil {
		w.null(o.nonNull)
		return false
	}
	return o.shape.write(w, f, *v)
}

func (optional[T]) gather(*run, *field, *T) {}

// Object is an object of one type.
func Object[S any](typ, nonNull string) Shape[*S] { return object[S]{typ, nonNull} }

type object[S any] struct{ typ, nonNull string }

func (o object[S]) info() info { return info{o.typ, o.nonNull != ""} }

func (o object[S]) write(w *writer, f *field, v *S) bool {
	if v == nil {
		w.missing(f)
		w.null(o.nonNull)
		return false
	}
	return w.object(f.below, v)
}

func (object[S]) gather(r *run, f *field, v *S) {
	if v != nil {
		r.gather(f.below, v)
	}
}

// Value is an object that is held by value.
func Value[S any](shape Shape[*S]) Shape[S] { return value[S]{shape} }

type value[S any] struct{ shape Shape[*S] }

func (v value[S]) info() info                          { return v.shape.info() }
func (v value[S]) write(w *writer, f *field, s S) bool { return v.shape.write(w, f, &s) }
func (v value[S]) gather(r *run, f *field, s S)        { v.shape.gather(r, f, &s) }

// Abstract is an object of an interface or a union. which tells an object's type and gives a pointer to it; it returns
// an empty name for a nil pointer, and panics for a type that it does not know.
func Abstract[I any](typ string, which func(I) (name string, obj any), nonNull string) Shape[I] {
	return abstract[I]{typ, which, nonNull}
}

type abstract[I any] struct {
	typ     string
	which   func(I) (string, any)
	nonNull string
}

func (a abstract[I]) info() info { return info{a.typ, a.nonNull != ""} }

func (a abstract[I]) write(w *writer, f *field, v I) bool {
	if any(v) == nil {
		w.missing(f)
		w.null(a.nonNull)
		return false
	}
	name, obj := a.which(v)
	if name == "" {
		w.missing(f)
		return false
	}
	return w.object(f.of[name], obj)
}

func (a abstract[I]) gather(r *run, f *field, v I) {
	if any(v) == nil {
		return
	}
	if name, obj := a.which(v); name != "" {
		r.gather(f.of[name], obj)
	}
}

// List is a list. The path of what is wrong with an element has its index, but for scalars.
func List[T any](elem Shape[T], scalars bool, nonNull string) Shape[[]T] {
	return list[T]{elem, scalars, nonNull, elem.info().nonNull}
}

type list[T any] struct {
	elem      Shape[T]
	scalars   bool
	nonNull   string
	elemsMust bool
}

func (l list[T]) info() info { return info{l.elem.info().of, l.nonNull != ""} }

func (l list[T]) write(w *writer, f *field, v []T) bool {
	if v == nil && l.nonNull == "" {
		return false
	}
	start, whole := len(w.buf), true
	w.buf = append(w.buf, '[')
	for i := range v {
		w.begin(i, !l.scalars)
		whole = w.end(l.elem.write(w, f, v[i]), !l.scalars, l.elemsMust) && whole
	}
	return w.close(start, ']', whole)
}

func (l list[T]) gather(r *run, f *field, v []T) {
	for i := range v {
		l.elem.gather(r, f, v[i])
	}
}

// Values is a list that holds its objects by value.
func Values[S any](elem Shape[*S], nonNull string) Shape[[]S] {
	return values[S]{elem, nonNull, elem.info().nonNull}
}

type values[S any] struct {
	elem      Shape[*S]
	nonNull   string
	elemsMust bool
}

func (l values[S]) info() info { return info{l.elem.info().of, l.nonNull != ""} }

func (l values[S]) write(w *writer, f *field, v []S) bool {
	if v == nil && l.nonNull == "" {
		return false
	}
	start, whole := len(w.buf), true
	w.buf = append(w.buf, '[')
	for i := range v {
		w.begin(i, true)
		whole = w.end(l.elem.write(w, f, &v[i]), true, l.elemsMust) && whole
	}
	return w.close(start, ']', whole)
}

func (l values[S]) gather(r *run, f *field, v []S) {
	for i := range v {
		l.elem.gather(r, f, &v[i])
	}
}

// AppendString writes a text as gqlgen does.
func AppendString[T ~string](b []byte, v T) ([]byte, bool) { return appendQuoted(b, string(v)), true }

const hex = "0123456789ABCDEF"

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '\\' && c != '"' {
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		case '\n':
			b = append(b, '\\', 'n')
		case '\\', '"':
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		start = i + 1
	}
	return append(append(b, s[start:]...), '"')
}

// AppendInt writes a whole number.
func AppendInt[T ~int | ~int64 | ~int32](b []byte, v T) ([]byte, bool) {
	return strconv.AppendInt(b, int64(v), 10), true
}

// AppendBool writes a truth value.
func AppendBool[T ~bool](b []byte, v T) ([]byte, bool) { return strconv.AppendBool(b, bool(v)), true }

// Marshal writes what a marshaler of gqlgen's does.
func Marshal[T any](marshal func(T) graphql.Marshaler) Append[T] {
	return func(b []byte, v T) ([]byte, bool) {
		m := marshal(v)
		if m == graphql.Null {
			return b, false
		}
		to := sink(b)
		m.MarshalGQL(&to)
		return to, true
	}
}

// Own writes a value that marshals itself.
func Own[T graphql.Marshaler](b []byte, v T) ([]byte, bool) {
	to := sink(b)
	v.MarshalGQL(&to)
	return to, true
}

// sink is a buffer that marshalers write to.
type sink []byte

func (s *sink) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

func (s *sink) WriteString(p string) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

// Contextual is a leaf whose marshaler can fail.
func Contextual[T any](marshal func(T) graphql.ContextMarshaler, nonNull string) Shape[T] {
	return contextual[T]{marshal, nonNull}
}

type contextual[T any] struct {
	marshal func(T) graphql.ContextMarshaler
	nonNull string
}

func (c contextual[T]) info() info { return info{nonNull: c.nonNull != ""} }

func (c contextual[T]) write(w *writer, _ *field, v T) bool {
	start, to := len(w.buf), sink(w.buf)
	if err := c.marshal(v).MarshalGQLContext(w.run.ctx, &to); err != nil {
		graphql.AddError(w.context(), err)
		to = append(to[:start], "null"...) // gqlgen does not let it make its parent null
	}
	w.buf = to
	return true
}

func (contextual[T]) gather(*run, *field, T) {}
