package resolvers

import (
	"strconv"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"crossdock/domains/fault"
	"crossdock/graph/cost"
)

// known is what an operation tells before it is executed.
type known struct {
	// err is why nobody may ask it.
	err error
	// needs are the fields that not everybody may ask for.
	needs []need
	// selected are its fields as Type.field, but leaves that cost nothing.
	selected map[string]bool
	price    *cost.Price
}

// need is a field of which one of the alternatives is needed, each whole.
type need struct {
	field        string
	alternatives [][]string
}

// lacking is why a caller with these scopes may not ask the operation; nil when it may.
func (k known) lacking(has func(string) bool) error {
	for _, n := range k.needs {
		var missing []string
		for _, alternative := range n.alternatives {
			lacks := ""
			for _, scope := range alternative {
				if !has(scope) {
					lacks = scope
				}
			}
			if lacks == "" {
				missing = nil
				break
			}
			missing = append(missing, strconv.Quote(lacks))
		}
		if missing != nil {
			return fault.New(fault.Denied, "%s needs the scope %s", n.field, strings.Join(missing, " or "))
		}
	}
	return nil
}

// knowledge is what operations tell, of those that were asked lately.
type knowledge struct {
	costs *cost.Schema
	kept  *lru.Cache[*ast.OperationDefinition, known]
}

// learn begins to know operations of a schema.
func (k *knowledge) learn(s *ast.Schema) {
	k.costs, k.kept = cost.Of(s), recent[*ast.OperationDefinition, known](keptDocuments)
}

// recent keeps the n that were asked for last.
func recent[K comparable, V any](n int) *lru.Cache[K, V] {
	kept, err := lru.New[K, V](n)
	if err != nil {
		panic(err) // for a size that is not positive
	}
	return kept
}

// of is what an operation tells. The document cache gives equal documents one operation.
func (k *knowledge) of(op *ast.OperationDefinition) known {
	if known, ok := k.kept.Get(op); ok {
		return known
	}
	out := known{selected: map[string]bool{}}
	fields := 0
	if out.err = out.read(op.SelectionSet, 1, &fields); out.err == nil {
		out.price, out.err = k.costs.Price(op)
	}
	k.kept.Add(op, out)
	return out
}

// read walks a selection: depth, number of fields, which those are, and the scopes that they require.
func (k *known) read(set ast.SelectionSet, depth int, fields *int) error {
	if depth > maxDepth {
		return fault.New(fault.Invalid, "the operation is nested more than %d deep", maxDepth)
	}
	for _, sel := range set {
		var below ast.SelectionSet
		switch s := sel.(type) {
		case *ast.Field:
			if *fields++; *fields > maxFields {
				return fault.New(fault.Invalid, "the operation selects more than %d fields", maxFields)
			}
			if (len(s.SelectionSet) > 0 || s.Name == "totalCount") && s.ObjectDefinition != nil { // no other leaf costs anything
				k.selected[s.ObjectDefinition.Name+"."+s.Name] = true
			}
			if s.Definition != nil {
				if d := s.Definition.Directives.ForName("requiresScopes"); d != nil {
					k.needs = append(k.needs, need{s.Name, alternatives(d)})
				}
			}
			below = s.SelectionSet
		case *ast.InlineFragment:
			below = s.SelectionSet
		case *ast.FragmentSpread:
			below = s.Definition.SelectionSet
		}
		if err := k.read(below, depth+1, fields); err != nil {
			return err
		}
	}
	return nil
}

// alternatives are the lists of scopes of which one is needed.
func alternatives(d *ast.Directive) (out [][]string) {
	for _, alternative := range d.Arguments.ForName("scopes").Value.Children {
		var scopes []string
		for _, scope := range alternative.Value.Children {
			scopes = append(scopes, scope.Value.Raw)
		}
		out = append(out, scopes)
	}
	return out
}
