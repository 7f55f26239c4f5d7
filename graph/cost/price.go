package cost

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"crossdock/domains/fault"
)

// Price is what an operation costs, as a formula over its variables.
type Price struct{ terms []term }

// term is what one field adds: its size times what each value costs with what is selected of it.
type term struct {
	weight int
	size   size
	// when are the conditions under which the field is selected: one of them, whole. An empty one always holds.
	when []condition
	// types are what is selected of each type that a value can have; the dearest counts.
	types [][]term
}

// condition is what variables of @skip and @include must be.
type condition map[string]bool

// size is how long a list may be: as the longest of the arguments, or else as is assumed.
type size struct {
	assumed   int
	arguments []*ast.Value
}

// maxTerms bounds a formula, since what is selected of interfaces within interfaces is priced once for each type.
const maxTerms = 20_000

// Price makes the formula of an operation that was validated. It fails with fault.Invalid for one that is too large to be priced.
func (s *Schema) Price(op *ast.OperationDefinition) (*Price, error) {
	root := map[ast.Operation]*ast.Definition{ast.Query: s.schema.Query, ast.Mutation: s.schema.Mutation, ast.Subscription: s.schema.Subscription}[op.Operation]
	c := compiler{Schema: s}
	terms := c.terms(root, []selected{{set: op.SelectionSet}}, nil, size{})
	if c.made > maxTerms {
		return nil, fault.New(fault.Invalid, "the operation selects too much of interfaces within interfaces: select less, or ask in several operations")
	}
	return &Price{terms}, nil
}

// most is the highest price that there is.
const most = 1_000_000_000

// Points is what the operation costs with its variables, at most a thousand million.
func (p *Price) Points(vars map[string]any) int {
	return int(min(sum(p.terms, vars), most))
}

func sum(terms []term, vars map[string]any) float64 {
	var all float64
	for _, t := range terms {
		if !t.included(vars) {
			continue
		}
		var dearest float64
		for _, of := range t.types {
			dearest = max(dearest, sum(of, vars))
		}
		all += float64(t.size.of(vars)) * (float64(t.weight) + dearest)
	}
	return all
}

func (t term) included(vars map[string]any) bool {
	return slices.ContainsFunc(t.when, func(c condition) bool {
		for name, want := range c {
			if (vars[name] == true) != want {
				return false
			}
		}
		return true
	})
}

func (s size) of(vars map[string]any) int {
	longest := -1
	for _, a := range s.arguments {
		v, err := a.Value(vars)
		if err != nil {
			continue // execution says so
		}
		longest = max(longest, length(v))
	}
	if longest < 0 {
		return s.assumed
	}
	return longest
}

// length is what an argument says of the length of a list; -1 when it says nothing.
func length(v any) int {
	switch n := v.(type) {
	case nil:
		return -1
	case json.Number:
		i, err := n.Int64()
		if err != nil {
			return -1
		}
		return length(i)
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Slice:
		return r.Len()
	case reflect.Int, reflect.Int32, reflect.Int64:
		return int(max(min(r.Int(), most), 0))
	case reflect.Float64:
		return length(int64(min(r.Float(), most)))
	default:
		return 1 // one value stands for a list of it
	}
}

// selected is a selection, and under which condition it is part of the operation.
type selected struct {
	set  ast.SelectionSet
	when condition
}

type compiler struct {
	*Schema
	// made is how many fields were looked at.
	made int
}

// occurrences are the selections of one field by its key, which are answered once.
type occurrences struct {
	field *ast.Field
	when  []condition
	below []selected
}

// terms are what is selected of an object type. The sized fields are as long as what is above them says.
func (c *compiler) terms(typ *ast.Definition, sets []selected, sized []string, long size) (out []term) {
	var keys []string
	fields := map[string]*occurrences{}
	for _, s := range sets {
		c.collect(typ, s.set, s.when, func(f *ast.Field, when condition) {
			o := fields[f.Alias]
			if o == nil {
				o = &occurrences{field: f}
				fields[f.Alias], keys = o, append(keys, f.Alias)
			}
			o.when = append(o.when, when)
			o.below = append(o.below, selected{f.SelectionSet, when})
		})
	}
	for _, key := range keys {
		o := fields[key]
		t, ok := c.term(typ, o)
		if !ok {
			continue
		}
		if slices.Contains(sized, o.field.Name) {
			t.size = long
		}
		out = append(out, t)
	}
	return out
}

// term is what a field adds; false when that is nothing.
func (c *compiler) term(typ *ast.Definition, o *occurrences) (term, bool) {
	def := typ.Fields.ForName(o.field.Name)
	if c.made++; def == nil || c.made > maxTerms {
		return term{}, false // __typename, or too much
	}
	of := c.schema.Types[def.Type.Name()]
	said := c.sizes[typ.Name+"."+def.Name]
	long := size{assumed: said.assumed}
	for _, name := range said.slicing {
		if a := o.field.Arguments.ForName(name); a != nil {
			long.arguments = append(long.arguments, a.Value)
		}
	}
	t := term{weight: c.Weight(typ.Name, def.Name, of.Name), size: long, when: o.when}
	if len(said.fields) > 0 || of.IsLeafType() {
		t.size = size{assumed: 1}
	}
	for _, possible := range c.schema.GetPossibleTypes(of) {
		if below := c.terms(possible, o.below, said.fields, long); len(below) > 0 {
			t.types = append(t.types, below)
		}
	}
	if t.weight == 0 && len(t.types) == 0 {
		return term{}, false
	}
	return t, true
}

// collect visits the fields that are selected of an object type, with the conditions that they stand under.
func (c *compiler) collect(typ *ast.Definition, set ast.SelectionSet, when condition, visit func(*ast.Field, condition)) {
	for _, sel := range set {
		switch s := sel.(type) {
		case *ast.Field:
			if when, ok := under(when, s.Directives); ok {
				visit(s, when)
			}
		case *ast.InlineFragment:
			if when, ok := under(when, s.Directives); ok && c.applies(typ, s.TypeCondition) {
				c.collect(typ, s.SelectionSet, when, visit)
			}
		case *ast.FragmentSpread:
			if when, ok := under(when, s.Directives); ok && c.applies(typ, s.Definition.TypeCondition) {
				c.collect(typ, s.Definition.SelectionSet, when, visit)
			}
		}
	}
}

// applies tells whether a fragment on a type is of an object type.
func (c *compiler) applies(typ *ast.Definition, on string) bool {
	return on == "" || on == typ.Name || slices.Contains(c.schema.GetPossibleTypes(c.schema.Types[on]), typ)
}

// under adds what @skip and @include say to a condition, false when they say never.
func under(when condition, list ast.DirectiveList) (condition, bool) {
	for _, d := range list {
		if d.Name != "skip" && d.Name != "include" {
			continue
		}
		v, want := d.Arguments.ForName("if").Value, d.Name == "include"
		if v.Kind != ast.Variable {
			if (v.Raw == "true") != want {
				return nil, false
			}
			continue
		}
		if was, ok := when[v.Raw]; ok && was != want {
			return nil, false
		}
		more := condition{v.Raw: want}
		maps.Copy(more, when)
		when = more
	}
	return when, true
}
