package breadth

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// plan is an operation made ready: its selections by concrete type, with fragments, merged fields and conditions
// resolved, and its fetching fields by level.
type plan struct {
	root *selection
	// groups are executed one after the other: all of a query, each field of a mutation.
	groups []group
	// slots is the number of fetching fields, fields that of all, and sets that of selections with fetching fields.
	slots, fields, sets int
	// parents is how many objects there last were of each such selection.
	parents []atomic.Int64
	// size is how long the last answer was.
	size atomic.Int64
}

// group are fetching fields by level: what has as many fetching fields above it.
type group [][]*field

// selection is what is selected of an object type.
type selection struct {
	fields []*field
	// leading are the fields that lead to one that fetches.
	leading []*field
	// set is where the objects are that its fetching fields are asked for; -1 where none fetches.
	set int
	// weight is what an object costs, without what is beneath it.
	weight int
}

// deep tells whether something is fetched of its objects, or beneath what they hold.
func (s *selection) deep() bool { return s.set >= 0 || len(s.leading) > 0 }

// field is a field of a selection.
type field struct {
	def       *Field
	collected graphql.CollectedField
	// key is how the field begins in its object, with the comma before it.
	key []byte
	// slot is where the answers of a fetching field are, and set where its parents; slot is -1 for any other.
	slot, set int
	// weight is the least that an object of a fetching field costs.
	weight int
	// leads is true for a field that does not fetch and leads to one that does.
	leads bool
	// below is the selection of an object, of those of an interface or a union by their type's name.
	below *selection
	of    map[string]*selection
}

// maxFields bounds a plan, and keptFields one that is kept.
const (
	maxFields  = 20_000
	keptFields = 500
)

// Why a plan does not cover an operation.
const (
	whyIntrospection = "introspection"
	whyDefer         = "defer"
	whyField         = "field"
	whySize          = "size"
	whyError         = "error"
)

// uncovered is why an operation is left to gqlgen.
type uncovered string

func (u uncovered) Error() string { return "breadth: " + string(u) }

// compiler makes one plan.
type compiler struct {
	tables *Tables
	op     *graphql.OperationContext
	weight func(object, field, of string) int
	plan   *plan
	group  *group
}

// compile makes the plan of an operation with the conditions that its variables give.
func compile(t *Tables, op *graphql.OperationContext, weight func(object, field, of string) int) (p *plan, err error) {
	defer func() {
		if v := recover(); v != nil { // gqlgen panics on what validation should have refused
			p, err = nil, uncovered(whyError)
		}
	}()
	c := compiler{tables: t, op: op, weight: weight, plan: &plan{}}
	typ := t.types[rootOf[op.Operation.Operation]]
	if typ == nil {
		return nil, uncovered(whyField)
	}
	if op.Operation.Operation != ast.Mutation {
		c.plan.groups = make([]group, 1)
		c.group = &c.plan.groups[0]
	}
	c.plan.root, err = c.selection(typ, op.Operation.SelectionSet, 0, op.Operation.Operation == ast.Mutation)
	if err != nil {
		return nil, err
	}
	c.plan.parents = make([]atomic.Int64, c.plan.sets)
	if op.Operation.Operation == ast.Subscription && (len(c.plan.root.fields) != 1 || c.plan.root.fields[0].def.stream == nil) {
		return nil, uncovered(whyField)
	}
	return c.plan, nil
}

var rootOf = map[ast.Operation]string{ast.Query: "Query", ast.Mutation: "Mutation", ast.Subscription: "Subscription"} //nolint:gochecknoglobals // a constant

func (c *compiler) selection(typ *Type, set ast.SelectionSet, level int, serial bool) (*selection, error) {
	sel := &selection{set: -1}
	for _, collected := range c.collect(typ, set) {
		if len(collected.Deferrables) > 0 {
			return nil, uncovered(whyDefer)
		}
		if serial {
			c.plan.groups = append(c.plan.groups, nil)
			c.group = &c.plan.groups[len(c.plan.groups)-1]
		}
		f, err := c.field(typ, collected, level)
		if err != nil {
			return nil, err
		}
		if len(sel.fields) > 0 {
			f.key = append(f.key, ',')
		}
		f.key = append(appendQuoted(f.key, collected.Alias), ':')
		sel.fields = append(sel.fields, f)
		if f.def.info.of == "" {
			sel.weight += c.weight(typ.Name, collected.Name, "")
		}
		switch {
		case f.leads:
			sel.leading = append(sel.leading, f)
		case f.slot >= 0:
			if sel.set < 0 {
				sel.set = c.plan.sets
				c.plan.sets++
			}
			f.set = sel.set
		}
	}
	return sel, nil
}

// collect is what is selected of an object type, one field for each key. gqlgen keeps a key apart that is selected of
// two abstract types of the object, and then writes the first.
func (c *compiler) collect(typ *Type, set ast.SelectionSet) (out []graphql.CollectedField) {
	for _, f := range graphql.CollectFields(c.op, set, typ.Is) {
		i := slices.IndexFunc(out, func(o graphql.CollectedField) bool { return o.Alias == f.Alias })
		if i < 0 {
			out = append(out, f)
			continue
		}
		out[i].Selections = slices.Concat(out[i].Selections, f.Selections)
		out[i].Deferrables = slices.Concat(out[i].Deferrables, f.Deferrables)
	}
	return out
}

// field makes a field ready.
func (c *compiler) field(typ *Type, collected graphql.CollectedField, level int) (*field, error) {
	f := &field{collected: collected, slot: -1}
	if c.plan.fields++; c.plan.fields > maxFields { // interfaces within interfaces, once for each type
		return nil, uncovered(whySize)
	}
	if collected.Name == "__typename" {
		f.def = &Field{name: collected.Name, object: typ.Name, info: info{nonNull: true}, plain: typename(appendQuoted(nil, typ.Name))}
		return f, nil
	}
	if strings.HasPrefix(collected.Name, "__") {
		return nil, uncovered(whyIntrospection)
	}
	f.def = typ.fields[collected.Name]
	if f.def == nil || (f.def.plain == nil && f.def.fetch == nil && f.def.stream == nil) {
		return nil, uncovered(whyField)
	}
	if f.def.plain == nil {
		f.slot = c.plan.slots
		c.plan.slots++
		for len(*c.group) <= level {
			*c.group = append(*c.group, nil)
		}
		(*c.group)[level] = append((*c.group)[level], f)
		level++
	}
	if f.def.info.of == "" {
		return f, nil
	}
	possible, err := c.possible(f.def.info.of)
	if err != nil {
		return nil, err
	}
	for i, t := range possible {
		sel, err := c.selection(t, collected.Selections, level, false)
		if err != nil {
			return nil, err
		}
		weight := c.weight(typ.Name, collected.Name, t.Name)
		sel.weight += weight
		if i == 0 || weight < f.weight {
			f.weight = weight
		}
		f.leads = f.leads || f.slot < 0 && sel.deep()
		if t.Name == f.def.info.of {
			f.below = sel
			continue
		}
		if f.of == nil {
			f.of = make(map[string]*selection, len(possible))
		}
		f.of[t.Name] = sel
	}
	return f, nil
}

// possible are the object types that a value of a type can have.
func (c *compiler) possible(name string) ([]*Type, error) {
	if t := c.tables.types[name]; t != nil {
		return []*Type{t}, nil
	}
	if list := c.tables.abstract[name]; list != nil {
		return list, nil
	}
	return nil, uncovered(whyField)
}

// conditions are the variables that @skip and @include of an operation depend on, in order of name.
func conditions(doc *ast.QueryDocument, op *ast.OperationDefinition) []string {
	var names []string
	note := func(list ast.DirectiveList) {
		for _, d := range list {
			if d.Name != "skip" && d.Name != "include" && d.Name != "defer" {
				continue
			}
			for _, a := range d.Arguments {
				if a.Name == "if" && a.Value.Kind == ast.Variable && !slices.Contains(names, a.Value.Raw) {
					names = append(names, a.Value.Raw)
				}
			}
		}
	}
	var walk func(ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, sel := range set {
			switch s := sel.(type) {
			case *ast.Field:
				note(s.Directives)
				walk(s.SelectionSet)
			case *ast.InlineFragment:
				note(s.Directives)
				walk(s.SelectionSet)
			case *ast.FragmentSpread:
				note(s.Directives)
			}
		}
	}
	walk(op.SelectionSet)
	for _, f := range doc.Fragments {
		walk(f.SelectionSet)
	}
	slices.Sort(names)
	return names
}

// prepared is an operation with its plans, one for each combination of its conditions.
type prepared struct {
	conditions []string
	mu         sync.Mutex
	plans      map[string]planned
}

type planned struct {
	plan *plan
	err  error
}

// maxVariants bounds the plans that are kept of one operation.
const maxVariants = 4

// plan returns the plan for the variables of this request.
func (p *prepared) plan(t *Tables, op *graphql.OperationContext, weight func(object, field, of string) int) (*plan, error) {
	var variant []byte
	for _, name := range p.conditions {
		variant = strconv.AppendBool(append(variant, ','), op.Variables[name] == true)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.plans[string(variant)]; ok {
		return known.plan, known.err
	}
	made, err := compile(t, op, weight)
	if made != nil && made.fields > keptFields {
		return made, err
	}
	if len(p.plans) >= maxVariants {
		clear(p.plans)
	}
	p.plans[string(variant)] = planned{made, err}
	return made, err
}
