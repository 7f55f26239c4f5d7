// Package cost tells what an operation costs, in points, by its schema alone: before anybody is asked for anything, and what
// it has cost when it is known how much was found.
//
// An object costs a point, an object that a mutation returns ten, and a leaf nothing, unless @cost says otherwise of the field
// or of the object's type. Before it is asked for, a list is taken to be as long as @listSize says; where that says nothing, as long as
// the field's own list argument, and else [assumed]. Of an interface or a union, its dearest type is taken.
//
// The directives are those of the cost specification as Apollo Federation 2.9 has it
// (www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives#cost). Of @cost, what stands at fields,
// objects, interfaces and unions is read: arguments, inputs and kinds of leaves weigh nothing.
package cost

import (
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// assumed is how long a list is taken to be of which nothing says how long it may be.
	assumed = 10
	// mutation is what an object costs that a field of Mutation returns.
	mutation = 10
	// introspection is what a question about the schema costs: it is at hand, and there is much of it.
	introspection = 100
)

// Schema says what the fields of a schema cost.
type Schema struct {
	schema *ast.Schema
	// fields and types are what @cost says, by Type.field and by type.
	fields, types map[string]int
	// sizes are how long lists may be, by Type.field.
	sizes map[string]listSize
}

// listSize is what is said of the length of a list.
type listSize struct {
	assumed int
	// slicing are the arguments that say how long, as numbers or as lists.
	slicing []string
	// fields are the fields beneath that are meant; none for the list itself.
	fields []string
}

// Of reads what a schema says.
func Of(s *ast.Schema) *Schema {
	out := &Schema{s, map[string]int{}, map[string]int{}, map[string]listSize{}}
	for name, t := range s.Types {
		if w, ok := weight(t.Directives); ok && t.IsCompositeType() {
			out.types[name] = w
		}
		for _, f := range t.Fields {
			at := name + "." + f.Name
			if w, ok := weight(f.Directives); ok {
				out.fields[at] = w
			} else if t == s.Mutation && s.Types[f.Type.Name()].IsCompositeType() {
				out.fields[at] = mutation
			}
			out.sizes[at] = sizeOf(f)
		}
	}
	return out
}

func weight(list ast.DirectiveList) (int, bool) {
	d := list.ForName("cost")
	if d == nil {
		return 0, false
	}
	w, err := strconv.Atoi(d.Arguments.ForName("weight").Value.Raw)
	return w, err == nil
}

func sizeOf(f *ast.FieldDefinition) listSize {
	out := listSize{assumed: 1}
	if f.Type.Elem != nil {
		out.assumed = assumed
	}
	d := f.Directives.ForName("listSize")
	if d == nil {
		for _, a := range f.Arguments {
			if f.Type.Elem != nil && a.Type.Elem != nil && a.Type.NonNull {
				out.slicing = append(out.slicing, a.Name)
			}
		}
		return out
	}
	if a := d.Arguments.ForName("assumedSize"); a != nil {
		out.assumed, _ = strconv.Atoi(a.Value.Raw)
	}
	out.slicing, out.fields = texts(d, "slicingArguments"), texts(d, "sizedFields")
	return out
}

func texts(d *ast.Directive, argument string) (out []string) {
	if a := d.Arguments.ForName(argument); a != nil {
		for _, c := range a.Value.Children {
			out = append(out, c.Value.Raw)
		}
	}
	return out
}

// Weight is what one object of a type costs that a field of an object returns, or a leaf, or a list of leaves. It
// does not count what is selected of it. Introspection has one price, whatever of it is selected.
func (s *Schema) Weight(object, field, of string) int {
	switch {
	case field == "__schema" || field == "__type":
		return introspection
	case strings.HasPrefix(of, "__"):
		return 0
	}
	if w, ok := s.fields[object+"."+field]; ok {
		return w
	}
	if w, ok := s.types[of]; ok {
		return w
	}
	if t := s.schema.Types[of]; t != nil && t.IsCompositeType() {
		return 1
	}
	return 0
}
