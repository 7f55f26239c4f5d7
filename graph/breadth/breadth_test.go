package breadth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"crossdock/graph/breadth"
	"crossdock/graph/breadth/internal/zoo"
)

// both are the two executors over one schema.
type both struct {
	depth, plans *executor.Executor
	schema       *ast.Schema
	mu           sync.Mutex
	why          map[string]int
}

func newBoth() *both {
	b := &both{why: map[string]int{}}
	depth, plans := zoo.New(breadth.Options{Executed: func(_ context.Context, why string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.why[why]++
	}})
	b.schema = depth.Schema()
	for es, into := range map[graphql.ExecutableSchema]**executor.Executor{depth: &b.depth, plans: &b.plans} {
		e := executor.New(es)
		e.SetQueryCache(lru.New[*ast.QueryDocument](100))
		e.SetRecoverFunc(func(_ context.Context, v any) error { return fmt.Errorf("panic: %v", v) })
		e.Use(extension.Introspection{})
		*into = e
	}
	return b
}

// run executes an operation, and returns its data and its errors in one order.
func run(e *executor.Executor, query string, vars map[string]any) (data []string, errs []string, valid bool) {
	ctx := graphql.StartOperationTrace(context.Background())
	op, failed := e.CreateOperationContext(ctx, &graphql.RawParams{Query: query, Variables: vars})
	if failed != nil {
		return nil, nil, false
	}
	next, ctx := e.DispatchOperation(ctx, op)
	for {
		res := next(ctx)
		if res == nil {
			break
		}
		data = append(data, string(res.Data))
		errs = append(errs, told(res.Errors)...)
		if op.Operation.Operation != ast.Subscription && (res.HasNext == nil || !*res.HasNext) {
			break
		}
	}
	slices.Sort(errs)
	return data, errs, true
}

func told(list gqlerror.List) (out []string) {
	for _, e := range list {
		raw, _ := json.Marshal(e)
		out = append(out, string(raw))
	}
	return out
}

// same fails unless both executors answer an operation alike.
func (b *both) same(t *testing.T, query string, vars map[string]any) (errs []string, valid bool) {
	t.Helper()
	want, wrong, valid := run(b.depth, query, vars)
	got, errs, also := run(b.plans, query, vars)
	if valid != also {
		t.Fatalf("valid: %t and %t: %s", valid, also, query)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the data is\n%s\nand not\n%s\n%s", got, want, query)
	}
	if !slices.Equal(errs, wrong) {
		t.Errorf("the errors are\n%s\nand not\n%s\n%s", strings.Join(errs, "\n"), strings.Join(wrong, "\n"), query)
	}
	return errs, valid
}

// writer writes random operations.
type writer struct {
	*rand.Rand
	schema    *ast.Schema
	fragments []string
	fields    int
}

func (w *writer) set(def *ast.Definition, depth int) string {
	out := []string{"__typename"}
	possible := w.schema.GetPossibleTypes(def)
	for range 1 + w.IntN(5) {
		on := def
		if def.IsAbstractType() && (len(def.Fields) == 0 || w.IntN(3) > 0) {
			on = possible[w.IntN(len(possible))]
		}
		if len(on.Fields) == 0 || w.fields > 120 {
			continue
		}
		f := on.Fields[w.IntN(len(on.Fields))]
		below := w.schema.Types[f.Type.Name()]
		if strings.HasPrefix(f.Name, "__") || f.Name == "guarded" || (below.IsCompositeType() && depth == 0) {
			continue
		}
		w.fields++
		text := f.Name + w.arguments(f)
		if w.IntN(3) > 0 || len(f.Arguments) > 0 || below.IsCompositeType() {
			text = fmt.Sprintf("a%d: %s", w.fields, text)
		}
		switch w.IntN(12) {
		case 0:
			text += " @include(if: $yes)"
		case 1:
			text += " @skip(if: $yes)"
		case 2:
			text += " @include(if: true) @skip(if: $no)"
		}
		if below.IsCompositeType() {
			inner := w.set(below, depth-1)
			if w.IntN(4) == 0 {
				name := fmt.Sprintf("F%d", len(w.fragments))
				w.fragments = append(w.fragments, "fragment "+name+" on "+below.Name+" "+inner)
				inner = "{ ..." + name + " ..." + name + " }"
			}
			text += " " + inner
		}
		if w.IntN(8) == 0 {
			text += " " + text
		}
		if on != def || w.IntN(6) == 0 {
			text = "... on " + on.Name + " { " + text + " }"
		}
		out = append(out, text)
	}
	return "{ " + strings.Join(out, " ") + " }"
}

func (w *writer) arguments(f *ast.FieldDefinition) string {
	var out []string
	for _, a := range f.Arguments {
		if !a.Type.NonNull && w.IntN(2) == 0 {
			continue
		}
		value := ""
		switch a.Type.Name() {
		case "Int":
			value = []string{"0", "1", "2", "3", "$n"}[w.IntN(5)]
		case "ID", "String":
			value = fmt.Sprintf("%q", fmt.Sprint("id", w.IntN(30)))
		case "Boolean":
			value = []string{"true", "$no"}[w.IntN(2)]
		case "Moment":
			value = []string{`"2020-01-01T00:00:00Z"`, `"2020-01-01T00:00:00Z"`, `"2020-01-01T00:00:00Z"`, `"one day"`}[w.IntN(4)]
		}
		out = append(out, a.Name+": "+value)
	}
	if len(out) == 0 {
		return ""
	}
	return "(" + strings.Join(out, ", ") + ")"
}

func (w *writer) operation(kind string, def *ast.Definition, depth int) string {
	w.fragments, w.fields = nil, 0
	body := w.set(def, depth)
	body = strings.Replace(body, "{ __typename", "{ __typename y: __typename @include(if: $yes) n: __typename @skip(if: $no) c: __typename @include(if: $m)", 1)
	uses := "" // every variable must be used
	if !strings.Contains(body, "$n)") && !strings.Contains(body, "$n,") {
		uses = " u: animals(first: $n) { __typename }"
		if kind == "mutation" {
			uses = ` u: feed(id: "u") { friends(first: $n) { __typename } }`
		}
	}
	body = strings.TrimSuffix(body, "}") + uses + " }"
	return kind + "($yes: Boolean!, $no: Boolean = false, $n: Int = 2, $m: Boolean! = true) " + body + " " + strings.Join(w.fragments, " ")
}

// TestPlansAnswerAsGqlgenDoes runs random operations through both executors: the data is the same to the byte, and so
// are the errors, each with its path and its place.
func TestPlansAnswerAsGqlgenDoes(t *testing.T) {
	t.Parallel()
	b := newBoth()
	w := &writer{Rand: rand.New(rand.NewPCG(1, 2)), schema: b.schema}
	failures, null := 0, 0
	for n := range 2000 {
		query := w.operation("query", b.schema.Query, 6)
		if n%10 == 0 {
			query = w.operation("mutation", b.schema.Mutation, 5)
		}
		vars := map[string]any{"yes": n%3 == 0, "n": n % 4}
		if n%7 == 0 {
			vars["m"] = false
		}
		errs, valid := b.same(t, query, vars)
		if t.Failed() {
			t.Fatalf("operation %d", n)
		}
		if !valid {
			continue
		}
		if failures += len(errs); len(errs) > 0 {
			null++
		}
	}
	if len(b.why) != 1 || b.why[""] < 1500 || failures < 2000 || null < 800 {
		t.Errorf("executed for %v, with %d errors in %d answers", b.why, failures, null)
	}
	t.Logf("executed for %v, with %d errors in %d answers", b.why, failures, null)
}

// FuzzOperations compares the executors on any document and variables.
func FuzzOperations(f *testing.F) {
	b := newBoth()
	w := &writer{Rand: rand.New(rand.NewPCG(3, 4)), schema: b.schema}
	for range 20 {
		f.Add(w.operation("query", b.schema.Query, 4), `{"yes": true, "n": 1}`)
	}
	f.Add(`{ __schema { types { name } } animals { id } }`, `{}`)
	f.Add(`query($s: Moment) { animals { id keeper(since: $s) { name } } }`, `{"s": "never"}`)
	f.Fuzz(func(t *testing.T, query, variables string) {
		if strings.Contains(query, "subscription") || strings.Contains(query, "@defer") || strings.Contains(query, "guarded") {
			return // other tests', or told in another order
		}
		vars := map[string]any{}
		_ = json.Unmarshal([]byte(variables), &vars)
		b.same(t, query, vars)
	})
}

// TestWhatPlansDoNotCoverIsGqlgens: introspection, deferred fragments and guarded fields are executed as ever, and the
// reason is told.
func TestWhatPlansDoNotCoverIsGqlgens(t *testing.T) {
	t.Parallel()
	for query, why := range map[string]string{
		`{ __type(name: "Lion") { name } }`:                     "introspection",
		`{ keepers { ... @defer { animals { __typename } } } }`: "defer",
		`{ guarded }`: "field",
		`query($yes: Boolean!) { ... @include(if: $yes) { guarded } }`: "",
		`{ keepers { name } }`: "",
		`mutation { hire(name: "x") { name } feed(id: "y") { __typename } }`: "",
	} {
		b := newBoth()
		want, wrong, _ := run(b.depth, query, map[string]any{"yes": false})
		got, errs, _ := run(b.plans, query, map[string]any{"yes": false})
		slices.Sort(want) // what is deferred comes in any order
		slices.Sort(got)
		if !slices.Equal(got, want) || !slices.Equal(errs, wrong) {
			t.Errorf("%s answers %s, %s and not %s, %s", query, got, errs, want, wrong)
		}
		if b.why[why] != 1 {
			t.Errorf("%s is executed for %v", query, b.why)
		}
	}
}

// TestEveryEventIsAResponse: a stream's values are executed as plans, and a stream that cannot be opened says why.
func TestEveryEventIsAResponse(t *testing.T) {
	t.Parallel()
	b := newBoth()
	got, errs, _ := run(b.plans, `subscription($n: Int!) { seen(first: $n) { __typename id tag friends(first: 1) { id keeper { name } } } }`, map[string]any{"n": 30})
	want, wrong, _ := run(b.depth, `subscription($n: Int!) { seen(first: $n) { __typename id tag friends(first: 1) { id keeper { name } } } }`, map[string]any{"n": 30})
	if len(got) != 30 || len(errs) != len(wrong) || b.why[""] != 1 {
		t.Fatalf("%d events, %d errors and not %d, executed for %v", len(got), len(errs), len(wrong), b.why)
	}
	for i := range got {
		// Where an event itself is null that must not be, all of its data is, as the specification asks; gqlgen stops below.
		if got[i] != want[i] && (got[i] != "null" || want[i] != `{"seen":null}`) {
			t.Errorf("event %d is %s and not %s", i, got[i], want[i])
		}
	}
	for _, e := range errs {
		if !strings.Contains(e, `"path":["seen"`) {
			t.Errorf("an error does not say that it is of seen: %s", e)
		}
	}
	data, errs, _ := run(b.plans, `subscription { seen(first: -1) { id } }`, nil)
	if len(data) != 1 || data[0] != "" || len(errs) != 1 || !strings.Contains(errs[0], "nothing is seen before") {
		t.Errorf("a stream that cannot be opened answers %q, %s", data, errs)
	}
}

// TestEachFieldIsAskedOncePerLevel: however many rows there are, a level has as many calls as it has fields that fetch.
func TestEachFieldIsAskedOncePerLevel(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	calls, parents := map[int]int{}, map[string]int{}
	_, plans := zoo.New(breadth.Options{Level: func(_ context.Context, level int, asked []breadth.Asked) func(context.Context) (context.Context, func()) {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range asked {
			calls[level]++
			parents[a.Field] += a.Parents
		}
		return func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
	}})
	e := executor.New(plans)
	run(e, `{ keepers(first: 4) { cages { animal { ... on Lion { keeper { age } } } owner { age } } animals { ... on Lion { keeper { age } friends { id } } ... on Parrot { keeper { age } } } } }`, nil)
	if fmt.Sprint(calls) != "map[0:1 1:3 2:4]" {
		t.Errorf("the calls of each level are %v, with parents %v", calls, parents)
	}
}
