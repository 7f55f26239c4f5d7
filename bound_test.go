package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/graph/breadth"
	"crossdock/graph/scalar"
	"crossdock/graph/schema"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

// asks are the fields that ask a source, by what they ask for.
func asks() map[string]string {
	return map[string]string{
		"Query.account": "accounts", "Viewer.accounts": "accounts", "Order.account": "accounts", "Query.node": "accounts items", "Query.nodes": "accounts items", "Query._entities": "accounts items",
		"Query.item": "items", "OrderLine.item": "items", "Query.availability": "stock", "Item.availability": "stock", "OrderLine.availability": "stock",
		"OrderLine.price": "prices", "Query.priceQuote": "prices", "Account.credit": "credit", "Account.shipTos": "shipTos",
		"Item.ordering": "rules", "Availability.atp": "arrivals", "NodeAvailability.arrivals": "arrivals", "NodeAvailability.lots": "lots",
	}
}

// rows are the fields below the root that bring things of which nothing was known before: what is asked about
// them is a further level.
func rows() []string {
	return []string{"Viewer.accounts", "Order.account", "OrderLine.item", "Account.orders", "Shipment.order", "Return.order", "Exception.order", "Item.availability", "Order.shipments", "Order.returns"}
}

// lawful are the calls that a question may take, by source and operation, and how often at one level.
func lawful(accounts int) map[string]struct {
	kind  string
	times int
} {
	type call = struct {
		kind  string
		times int
	}
	return map[string]call{
		"erp accounts": {"accounts", 1}, "erp items": {"items", 1}, "erp item rules": {"rules", 1}, "erp prices": {"prices", accounts}, "erp credit": {"credit", 1}, "erp ship-tos": {"shipTos", 1},
		"wms stock": {"stock", 1}, "threepl stock": {"stock", 1}, "threepl-south stock": {"stock", 1}, "threepl inventory ids": {"stock", 1}, "threepl-south inventory ids": {"stock", 1},
		"wms arrivals": {"arrivals", 1}, "wms lots": {"lots", 1}, "threepl lots": {"lots", 1}, "threepl-south lots": {"lots", 1},
	}
}

// writer writes random operations over the whole schema.
type writer struct {
	*rand.Rand
	schema *ast.Schema
	values map[string][]string
	// levels are the ways by rows to each kind of question.
	levels map[string]map[string]bool
	// brought are the ways to things of which more can be asked, by type: their keys are known together.
	brought   map[string]map[string]bool
	fragments []string
	fields    int
	// steady leaves out what no two answers have in common, and writes the same thing in more ways.
	steady bool
}

// chance is true so often in ten.
func (w *writer) chance(n int) bool { return w.IntN(10) < n }

// selection writes fields of a type. way are the rows that lead there.
func (w *writer) selection(def *ast.Definition, depth int, way string) string {
	var out []string
	if def.IsAbstractType() {
		for _, possible := range w.schema.GetPossibleTypes(def) {
			if w.chance(6) {
				out = append(out, "... on "+possible.Name+" "+w.selection(possible, depth, way))
			}
		}
		return "{ __typename " + strings.Join(out, " ") + " }"
	}
	names := map[string]bool{}
	for range 1 + w.IntN(5) {
		f := def.Fields[w.IntN(len(def.Fields))]
		if far := w.far(def); len(far) > 0 && w.chance(6) {
			f = far[w.IntN(len(far))]
		}
		if w.steady && slices.Contains([]string{"Provenance.asOf", "Provenance.freshness", "Query.sources"}, def.Name+"."+f.Name) {
			continue
		}
		if strings.HasPrefix(f.Name, "__") || f.Name == "_service" || f.Name == "validateOrder" || f.Name == "simulateSourcing" || w.fields > 250 {
			continue
		}
		w.fields++
		below := w.schema.Types[f.Type.Name()]
		leaf := below.IsLeafType()
		if !leaf && depth == 0 {
			continue
		}
		coordinate := def.Name + "." + f.Name
		alias := fmt.Sprintf("a%d", w.fields) // everything twice is a field of its own
		here := way
		if slices.Contains(rows(), coordinate) {
			here += "/" + coordinate
		}
		for _, typ := range []string{"Order", "Account", "Item"} {
			if name := f.Type.Name(); strings.HasPrefix(name, typ) || name == "Node" || name == "_Entity" {
				note(w.brought, typ, here)
			}
		}
		for kind := range strings.FieldsSeq(asks()[coordinate]) {
			at := way
			if coordinate == "Query.priceQuote" {
				at += " in the account's own currency" // which is another question than in an order's
			}
			note(w.levels, kind, at)
		}
		text := alias + ": " + f.Name + w.arguments(def.Name, f)
		if w.chance(1) {
			text += " @include(if: $yes)"
		}
		if !leaf {
			inner := w.selection(below, depth-1, here)
			if w.chance(2) && !below.IsAbstractType() {
				name := fmt.Sprintf("F%d", len(w.fragments))
				w.fragments = append(w.fragments, "fragment "+name+" on "+below.Name+" "+inner)
				inner = "{ ..." + name + " }"
			}
			text += " " + inner
		}
		names[alias] = true
		if w.steady {
			text = w.again(def, text)
		}
		out = append(out, text)
	}
	return "{ __typename " + strings.Join(out, " ") + " }"
}

// again writes a field otherwise, or more than once.
func (w *writer) again(def *ast.Definition, text string) string {
	switch w.IntN(12) {
	case 0:
		return text + " " + text
	case 1:
		return "... on " + def.Name + " { " + text + " } " + text
	case 2:
		return "... @skip(if: $no) { " + text + " }"
	case 3:
		return "... @include(if: $no) { " + text + " }"
	default:
		return text
	}
}

func note(in map[string]map[string]bool, what, way string) {
	if in[what] == nil {
		in[what] = map[string]bool{}
	}
	in[what][way] = true
}

// lawful is at how many levels a kind of question may be asked: where it is selected at all, wherever there are
// things that have it.
func (w *writer) lawful(kind string) int {
	ways := maps.Clone(w.levels[kind])
	if len(ways) == 0 {
		return 0
	}
	for _, typ := range map[string][]string{"accounts": {"Order"}, "items": {"Order"}, "prices": {"Order"}, "stock": {"Order", "Item"}, "rules": {"Item"}, "arrivals": {"Order", "Item"}, "lots": {"Order", "Item"}, "credit": {"Account"}, "shipTos": {"Account"}}[kind] {
		maps.Copy(ways, w.brought[typ])
	}
	return len(ways)
}

// far are the fields of a type that ask a source, or lead further.
func (w *writer) far(def *ast.Definition) (out []*ast.FieldDefinition) {
	for _, f := range def.Fields {
		at := def.Name + "." + f.Name
		if asks()[at] != "" || slices.Contains(rows(), at) || (strings.HasSuffix(def.Name, "Connection") && f.Name == "nodes") || f.Name == "lines" {
			out = append(out, f)
		}
	}
	return out
}

// arguments writes values that exist in the world.
func (w *writer) arguments(typ string, f *ast.FieldDefinition) string {
	var out []string
	pick := func(list []string) string { return `"` + list[w.IntN(len(list))] + `"` }
	some := func(list []string) string {
		var out []string
		for range 1 + w.IntN(8) {
			out = append(out, pick(list))
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	for _, a := range f.Arguments {
		at := typ + "." + f.Name + "." + a.Name
		value := ""
		switch {
		case a.Name == "first":
			value = fmt.Sprint(1 + w.IntN(30))
		case at == "Query.ruleTrial.version":
			value = "0"
		case at == "Query.nodes.ids":
			value = some(w.values["node"])
		case at == "Query.node.id":
			value = pick(w.values["node"])
		case at == "Query._entities.representations":
			var reps []string
			for range 1 + w.IntN(6) {
				if w.steady && w.chance(1) {
					reps = append(reps, `{__typename: "Order", number: "nobody's"}`)
				}
				typ := []string{"Order", "Item", "Account", "Shipment"}[w.IntN(4)]
				reps = append(reps, fmt.Sprintf(`{__typename: %q, id: %s}`, typ, pick(w.values[typ])))
			}
			value = "[" + strings.Join(reps, ", ") + "]"
		case a.Name == "id" || a.Name == "orderId":
			value = pick(w.values[f.Type.Name()])
		case a.Name == "skus":
			value = some(w.values["sku"])
		case a.Name == "sku":
			value = pick(w.values["sku"])
		case a.Name == "accountId":
			value = pick(w.values["Account"])
		case a.Name == "lines":
			value = fmt.Sprintf(`[{sku: %s, quantity: {value: "1"}}, {sku: %s, quantity: {value: "%d"}}]`, pick(w.values["sku"]), pick(w.values["sku"]), 1+w.IntN(60))
		case a.Name == "maxAge":
			value = "0"
			if w.steady {
				value = []string{"-1", "", "", "86400", "86400", "0", "0", "0", "0", "0", "0", "0"}[w.IntN(12)]
			}
		case w.steady && a.Name == "orLastKnown" && w.chance(3):
			value = "false"
		}
		if value != "" {
			out = append(out, a.Name+": "+value)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// TestTheBoundIsALaw: whatever is asked, a source is asked each kind of question once for each level of what leads
// to it, however many rows there are, with nothing at hand. Prices are asked for once for each account, which an
// ERP's calculation cannot mix.
func TestTheBoundIsALaw(t *testing.T) {
	t.Parallel()
	w := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(_ *told, cfg *config.Config) { cfg.Limits.Operation = 1_000_000_000 })
	g := newGraph(t, w)
	g.shipped(2, "C10001")
	accounts := []trade.AccountID{"C10001", "C10002", "C10003", "C10004"}
	g.fill(2, accounts...)
	for n, account := range accounts { // each with items of its own, or questions too many would not show
		for k := range 4 {
			g.place(fmt.Sprint("own", n, k), draft(account, line(trade.SKU(fmt.Sprint("SKU-", 1020+10*n+2*k)), "60")))
		}
	}
	parsed := wholeSchema(t)
	values := g.things()
	// Each account leads to orders of its own, which a depth-first executor asks about one account after the other.
	const each = `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Account { orders(first: 20) { nodes { lines { item(maxAge: 0) { name } availability(maxAge: 0) { complete } } } } } } }`
	calls := g.query("operations", each, map[string]any{"ids": values["Account"]}).calls()
	if !slices.Equal(calls, []string{"erp accounts", "erp items", "threepl stock", "threepl-south stock", "wms stock"}) {
		t.Errorf("the orders of each account take the calls %v", calls)
	}
	// Prices are asked for once for each account that has orders, some of which others placed.
	sold := len(lookup.Unique(values["Account"]))
	ran, exact, asked, deepest := 0, 0, map[string]int{}, map[string]int{}
	for seed := range uint64(400) {
		rw := &writer{Rand: rand.New(rand.NewPCG(seed, 4)), schema: parsed, values: values, levels: map[string]map[string]bool{}, brought: map[string]map[string]bool{}}
		body := rw.selection(parsed.Query, 8, "")
		query := "query($yes: Boolean! = true) " + strings.Replace(body, "{ __typename", "{ __typename yes: __typename @include(if: $yes)", 1) + " " + strings.Join(rw.fragments, " ")
		got := g.query("operations", query, nil)
		for _, e := range got.Errors {
			if code := e.Extensions["code"]; code == "GRAPHQL_VALIDATION_FAILED" || code == "INTERNAL" {
				t.Fatalf("seed %d: %s: %s", seed, e.Message, query)
			}
		}
		if got.Data != nil {
			ran++
		}
		for call, most := range predicted(got.Extensions.Plan, sold) {
			n := 0
			for _, c := range got.calls() {
				if c == call {
					n++
				}
			}
			if n > most.calls || (most.certain && n == 0) {
				t.Errorf("seed %d: %q is asked %d times, and the plan says %+v: %v\n%s", seed, call, n, most, got.Extensions.Plan, query)
			}
			if most.certain && most.calls == 1 {
				exact++
			}
		}
		made := map[string]int{}
		for _, c := range got.calls() {
			made[c]++
			asked[c]++
		}
		for call, n := range made {
			law, ok := lawful(len(accounts))[call]
			if !ok {
				t.Fatalf("seed %d: nobody has said what %q is for", seed, call)
			}
			deepest[call] = max(deepest[call], n)
			if n > rw.lawful(law.kind)*law.times {
				t.Errorf("seed %d: %q is asked %d times, for the ways %v and %v:\n%s", seed, call, n, rw.levels[law.kind], rw.brought, query)
			}
		}
	}
	if exact < 300 {
		t.Errorf("the plan said exactly what is asked of a source %d times only", exact)
	}
	if ran < 350 || len(asked) < 8 {
		t.Errorf("%d operations were answered, with the calls %v", ran, asked)
	}
	t.Logf("%d operations; calls %v; most at once %v", ran, asked, deepest)
}

// prediction is how often a call is made: at most so often, and once at least when that is certain.
type prediction struct {
	calls   int
	certain bool
}

// predicted are the calls that a plan's levels take: for each level with a field that asks a kind of question, one of
// each call of that kind. What a level before has asked is not asked again. What ids at the root ask for, their types
// say.
func predicted(plan []struct{ Asked []breadth.Asked }, accounts int) map[string]prediction {
	out := map[string]prediction{}
	for call, law := range lawful(accounts) {
		var p prediction
		for _, level := range plan {
			here, certain := false, false
			for _, a := range level.Asked {
				for kind := range strings.FieldsSeq(asks()[a.Field]) {
					if kind == law.kind {
						here = true
						certain = certain || !strings.HasPrefix(a.Field, "Query.") && !strings.HasPrefix(a.Field, "Viewer.")
					}
				}
			}
			if here {
				p.calls += law.times
				p.certain = p.certain || certain
			}
		}
		// The ids of a 3PL's inventory are learned once, and not for each question.
		p.certain = p.certain && !strings.HasSuffix(call, "inventory ids")
		out[call] = p
	}
	return out
}

// federated is what the router's directives and types are.
const federated = `
scalar FieldSet
scalar _Any
scalar link__Import
directive @key(fields: FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
directive @shareable repeatable on OBJECT | FIELD_DEFINITION
directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @composeDirective(name: String!) repeatable on SCHEMA
directive @link(url: String!, as: String, import: [link__Import]) repeatable on SCHEMA
union _Entity = Account | Item | Order | Shipment
extend type Query { _entities(representations: [_Any!]!): [_Entity]! }
`

// wholeSchema is the schema with what routers add.
func wholeSchema(t *testing.T) *ast.Schema {
	t.Helper()
	var sdl bytes.Buffer
	if err := schema.Print(&sdl); err != nil {
		t.Fatal(err)
	}
	parsed, err := gqlparser.LoadSchema(&ast.Source{Name: "crossdock", Input: federated + sdl.String()})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// things are ids of what is in the world, by type.
func (g *graph) things() map[string][]string {
	g.t.Helper()
	out := map[string][]string{"sku": {"SKU-1000", "SKU-1001", "SKU-1002", "SKU-1050", "NOBODY-HAS-IT"}}
	got := g.query("operations", `{ orders(first: 30) { nodes { id account { id } shipments { id } lines { item { id } } } } }`, nil)
	for _, n := range got.Data["orders"].(map[string]any)["nodes"].([]any) {
		o := n.(map[string]any)
		out["Order"] = append(out["Order"], o["id"].(string))
		out["Account"] = append(out["Account"], o["account"].(map[string]any)["id"].(string))
		for _, s := range o["shipments"].([]any) {
			out["Shipment"] = append(out["Shipment"], s.(map[string]any)["id"].(string))
		}
		for _, l := range o["lines"].([]any) {
			out["Item"] = append(out["Item"], l.(map[string]any)["item"].(map[string]any)["id"].(string))
		}
	}
	out["Return"] = []string{scalar.GlobalID(scalar.TypeReturn, "00000000-0000-0000-0000-000000000000")}
	out["OrderImport"] = []string{scalar.GlobalID(scalar.TypeImport, "00000000-0000-0000-0000-000000000000")}
	for _, typ := range []string{"Order", "Account", "Shipment", "Item"} {
		if len(out[typ]) == 0 {
			g.t.Fatalf("the world has no %s", typ)
		}
		out["node"] = append(out["node"], out[typ]...)
	}
	return out
}
