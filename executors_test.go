package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"crossdock/graph/cost"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

// answered is a response as it came, without what no two responses have in common.
type answered struct {
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Path       []any
		Locations  []any
		Extensions map[string]any
	}
	Extensions struct {
		Cost struct{ RequestedQueryCost, ActualQueryCost int }
	}
}

func (g *graph) raw(who, query string, vars map[string]any) (out answered) {
	g.t.Helper()
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(map[string]any{"query": query, "variables": vars}); err != nil {
		g.t.Fatal(err)
	}
	if _, raw := g.send(who, http.MethodPost, "/graphql", &body); json.Unmarshal(raw, &out) != nil {
		g.t.Fatalf("no answer: %.300s", raw)
	}
	return out
}

// said are the errors of an answer in one order. What is said once for several positions is said of whichever came
// first, so that its path is that of no executor.
func (a answered) said() []string {
	var out []string
	for _, e := range a.Errors {
		delete(e.Extensions, "traceId")
		delete(e.Extensions, "errorId")
		delete(e.Extensions, "retryAfter")
		if e.Extensions["affected"] != nil {
			e.Path = nil
		}
		raw, _ := json.Marshal(e)
		out = append(out, string(raw))
	}
	slices.Sort(out)
	return out
}

// TestThePlanAnswersAsGqlgenDoes runs random operations over the whole schema through both executors, with every source there and with one after the other down: the data is the same to the byte, and so are
// the errors.
func TestThePlanAnswersAsGqlgenDoes(t *testing.T) {
	t.Parallel()
	// Neither breakers nor budgets, which know what was asked before, nor ages that pass between two questions.
	w := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) {
		for i := range cfg.Sources {
			cfg.Sources[i].Policy.BreakAfter, cfg.Sources[i].Policy.Retries = 1_000_000, new(int)
			rate := &cfg.Sources[i].Policy.Rate
			rate.Calls, rate.Per = 1_000_000, config.Duration(time.Second)
		}
		cfg.Limits.Operation = 1_000_000_000
		day := config.Duration(24 * time.Hour)
		for _, age := range []*config.Age{&cfg.Freshness.Accounts, &cfg.Freshness.Items, &cfg.Freshness.Prices, &cfg.Freshness.Stock, &cfg.Freshness.Credit} {
			age.MaxAge = &day
		}
	})
	for _, system := range []string{"shipbob", "shipbob-south", "bc"} {
		w.admin("POST", "/admin/"+system+"/limit?calls=0", "")
	}
	plan := newGraph(t, w)
	plan.shipped(2, "C10001")
	plan.fill(2, "C10001", "C10002", "C10003")
	w.cfg.Executor = "gqlgen"
	reference := newGraph(t, w)
	parsed := wholeSchema(t)
	values := plan.things()
	values["Order"] = append(values["Order"], "bm90IGFuIGlk")
	ran, failing, heavy, said := 0, 0, 0, map[string]int{}
	for n, down := range []string{"", "bc", "wms", "shipbob"} {
		if down != "" {
			w.admin("POST", "/admin/knobs", `{"outage":{"`+down+`":true}}`)
		}
		seeds := uint64(200)
		if down != "" {
			seeds = 80
		}
		for seed := range seeds {
			rw := &writer{Rand: rand.New(rand.NewPCG(seed, uint64(n))), schema: parsed, values: values, levels: map[string]map[string]bool{}, brought: map[string]map[string]bool{}, steady: true}
			body := rw.selection(parsed.Query, 8, "")
			query := "query($yes: Boolean! = true, $no: Boolean! = false) " + strings.Replace(body, "{ __typename", "{ __typename yes: __typename @include(if: $yes) no: __typename @include(if: $no)", 1) + " " + strings.Join(rw.fragments, " ")
			who := []string{"operations", "service", "C10001"}[seed%3]
			vars := map[string]any{"no": seed%5 == 0}
			got, want := plan.raw(who, query, vars), reference.raw(who, query, vars)
			if !bytes.Equal(got.Data, want.Data) {
				t.Errorf("%s down, seed %d: the data is otherwise %s:\n%s", down, seed, difference(got.Data, want.Data), query)
			}
			mine, theirs := got.said(), want.said()
			if !slices.Equal(mine, theirs) {
				t.Errorf("%s down, seed %d: the errors are\n%s\nand not\n%s\n%s", down, seed, strings.Join(mine, "\n"), strings.Join(theirs, "\n"), query)
			}
			if cost := got.Extensions.Cost; len(got.Errors) == 0 {
				if found, asked := weighed(t, parsed, query, got.Data); cost.ActualQueryCost < found || cost.ActualQueryCost > asked {
					t.Errorf("%s down, seed %d: it cost %+v, and %d were found of %d:\n%s", down, seed, cost, found, asked, query)
				}
				heavy = max(heavy, cost.ActualQueryCost)
			}
			if t.Failed() {
				return
			}
			if len(got.Data) > 0 && string(got.Data) != "null" {
				ran++
			}
			for _, e := range got.Errors {
				said[fmt.Sprint(e.Extensions["code"])]++
				failing++
			}
		}
		if down != "" {
			w.admin("POST", "/admin/knobs", `{"outage":{"`+down+`":false}}`)
		}
	}
	if by := plan.executed(); len(by) != 1 || by[`executor="breadth",why=""`] < 300 {
		t.Errorf("the operations were executed by %v", by)
	}
	if ran < 250 || failing < 150 || heavy < 100 || said["SOURCE_UNAVAILABLE"] < 30 {
		t.Errorf("%d operations were answered, with the errors %v", ran, said)
	}
	t.Logf("%d operations; errors %v", ran, said)
}

// weighed is what the objects of an answer cost, by what the schema says, and what they cost with those that are not there.
func weighed(t *testing.T, s *ast.Schema, query string, data json.RawMessage) (found, asked int) {
	t.Helper()
	doc, errs := gqlparser.LoadQueryWithRules(s, query, nil)
	var answer map[string]any
	if len(errs) > 0 || json.Unmarshal(data, &answer) != nil {
		t.Fatalf("%v: %s", errs, query)
	}
	prices := cost.Of(s)
	var weigh func(typ *ast.Definition, set ast.SelectionSet, obj map[string]any)
	weigh = func(typ *ast.Definition, set ast.SelectionSet, obj map[string]any) {
		below, names := map[string]ast.SelectionSet{}, map[string]string{}
		var collect func(ast.SelectionSet)
		collect = func(set ast.SelectionSet) {
			for _, sel := range set {
				switch sel := sel.(type) {
				case *ast.Field:
					names[sel.Alias], below[sel.Alias] = sel.Name, append(below[sel.Alias], sel.SelectionSet...)
				case *ast.InlineFragment:
					if on := s.Types[sel.TypeCondition]; on == nil || slices.Contains(s.GetPossibleTypes(on), typ) {
						collect(sel.SelectionSet)
					}
				case *ast.FragmentSpread:
					if slices.Contains(s.GetPossibleTypes(s.Types[sel.Definition.TypeCondition]), typ) {
						collect(sel.Definition.SelectionSet)
					}
				}
			}
		}
		collect(set)
		for alias, v := range obj {
			f := typ.Fields.ForName(names[alias])
			if f == nil {
				continue // __typename
			}
			of := s.Types[f.Type.Name()]
			if of.IsLeafType() {
				found += prices.Weight(typ.Name, f.Name, of.Name)
				continue
			}
			there, missing := objects(v)
			asked += missing
			for _, child := range there {
				is := of
				if of.IsAbstractType() {
					is = s.Types[fmt.Sprint(child["__typename"])]
				}
				found += prices.Weight(typ.Name, f.Name, is.Name)
				weigh(is, below[alias], child)
			}
		}
	}
	weigh(s.Query, doc.Operations[0].SelectionSet, answer)
	return found, found + asked
}

// objects are those in a value, and how many may have been asked for that are not there.
func objects(v any) (there []map[string]any, missing int) {
	switch v := v.(type) {
	case nil:
		return nil, 1
	case map[string]any:
		return []map[string]any{v}, 0
	}
	for _, v := range v.([]any) {
		more, less := objects(v)
		there, missing = append(there, more...), missing+less
	}
	return there, max(missing, 1)
}

// executed is how many operations were executed, by executor and why.
func (g *graph) executed() map[string]int {
	g.t.Helper()
	_, metrics := g.send("operations", http.MethodGet, "/metrics", nil)
	out := map[string]int{}
	for _, m := range regexp.MustCompile(`crossdock_operations_total\{(.*)\} (\d+)`).FindAllStringSubmatch(string(metrics), -1) {
		out[m[1]], _ = strconv.Atoi(m[2])
	}
	return out
}

// difference shows where two texts part.
func difference(a, b []byte) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	around := func(s []byte) string { return string(s[max(0, min(i, len(s))-120):min(len(s), i+120)]) }
	return fmt.Sprintf("at %d: %q and not %q", i, around(a), around(b))
}
