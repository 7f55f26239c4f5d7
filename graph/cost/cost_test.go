package cost_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"crossdock/domains/fault"
	"crossdock/graph/cost"
)

const shop = `
	directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
	directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
	interface Thing { id: ID! }
	type Order implements Thing { id: ID! lines: [Line!]! @listSize(assumedSize: 5) account: Account total: Money! tags: [String!]! notes: [Note!]! }
	type Account implements Thing { id: ID! orders(first: Int = 20): Orders! @listSize(assumedSize: 20, slicingArguments: ["first"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false) }
	type Orders { edges: [Edge!]! nodes: [Order!]! total: Int! @cost(weight: 10) }
	type Edge { node: Order! @cost(weight: 0) }
	type Line { sku: String! price: Price @cost(weight: 3) of: Order! }
	type Price { amount: Int! }
	type Money @cost(weight: 0) { amount: Int! }
	type Note { text: String! }
	type Query {
		order(id: ID): Order
		orders(first: Int, last: Int): Orders! @listSize(assumedSize: 20, slicingArguments: ["first", "last"], sizedFields: ["edges", "nodes"], requireOneSlicingArgument: false)
		things(ids: [ID!]!): [Thing]!
	}
	type Mutation { place(n: Int): Order  quick: Order @cost(weight: 2) }
	type Subscription { changed: Order! }`

func schema() *ast.Schema { return gqlparser.MustLoadSchema(&ast.Source{Input: shop}) }

// TestPriceOfAnOperation, before anybody is asked for anything.
func TestPriceOfAnOperation(t *testing.T) {
	t.Parallel()
	s := schema()
	for query, want := range map[string]struct {
		vars string
		cost int
	}{
		`{ order { id tags } }`:                                                  {"", 1},
		`{ __schema { types { fields { name } } } __typename }`:                  {"", 100},
		`{ order { total { amount } } }`:                                         {"", 1},
		`{ order { lines { sku } } }`:                                            {"", 1 + 5},
		`{ order { notes { text } } }`:                                           {"", 1 + 10},
		`{ order { lines { price { amount } } } }`:                               {"", 1 + 5*(1+3)},
		`{ a: order { id } b: order { id } }`:                                    {"", 2},
		`{ orders { nodes { id } } }`:                                            {"", 1 + 20},
		`{ orders(first: 3) { total nodes { id } } }`:                            {"", 1 + 10 + 3},
		`{ orders(first: 3) { edges { node { lines { sku } } } } }`:              {"", 1 + 3*(1+5)},
		`{ orders(first: 3, last: 7) { nodes { id } } }`:                         {"", 1 + 7},
		`{ orders(first: -3) { nodes { id } } }`:                                 {"", 1},
		`{ orders(first: 3) { nodes { account { orders { nodes { id } } } } } }`: {"", 1 + 3*(1+1+1+20)},
		`query($n: Int) { orders(first: $n) { nodes { id } } }`:                  {`{"n": 4}`, 1 + 4},
		`query($n: Int = 6) { orders(first: $n) { nodes { id } } }`:              {`{}`, 1 + 6},
		`query($n: Int) { orders(first: $n, last: null) { nodes { id } } }`:      {`{}`, 1 + 20},
		`{ things(ids: ["a", "b", "c"]) { id } }`:                                {"", 3},
		`query($i: [ID!]!) { things(ids: $i) { id } }`:                           {`{"i": ["a", "b"]}`, 2},
		`query($i: ID!) { things(ids: [$i]) { id } }`:                            {`{"i": "a"}`, 1},
		// One key is one field, however often it is selected.
		`{ order { lines { sku } lines { price { amount } } ...L } } fragment L on Order { lines { sku } }`: {"", 1 + 5*(1+3)},
		// The dearest type counts.
		`{ things(ids: ["a", "b"]) { id ... on Order { lines { sku } } ... on Account { orders(first: 2) { nodes { id } } } } }`: {"", 2 * (1 + 5)},
		`{ things(ids: ["a"]) { ... on Thing { ... on Account { orders(first: 9) { nodes { id } } } } } }`:                       {"", 1 + 1 + 9},
		// What is not asked for costs nothing.
		`{ order { id lines @skip(if: true) { sku } } }`:                                                                             {"", 1},
		`query($x: Boolean!) { order { lines @include(if: $x) { sku } } }`:                                                           {`{"x": false}`, 1},
		`query($x: Boolean!) { order { lines @skip(if: $x) { sku } } }`:                                                              {`{"x": false}`, 6},
		`query($x: Boolean!) { order { ... @include(if: $x) { lines { price { amount } } } lines { sku } } }`:                        {`{"x": false}`, 1 + 5},
		`query($x: Boolean!) { order { ... @include(if: $x) { lines { price { amount } } } ... @skip(if: $x) { notes { text } } } }`: {`{"x": true}`, 1 + 5*4},
		`mutation { place { id } }`:                  {"", 10},
		`mutation { quick { id lines { sku } } }`:    {"", 2 + 5},
		`subscription { changed { lines { sku } } }`: {"", 1 + 5},
		`{ orders(first: 2000000000) { nodes { account { orders(first: 2000000000) { nodes { account { orders(first: 2000000000) { nodes { id } } } } } } } } }`: {"", 1_000_000_000},
	} {
		doc, errs := gqlparser.LoadQueryWithRules(s, query, nil)
		if len(errs) > 0 {
			t.Errorf("%s: %v", query, errs)
			continue
		}
		vars := map[string]any{}
		if want.vars != "" {
			d := json.NewDecoder(strings.NewReader(want.vars))
			d.UseNumber()
			if err := d.Decode(&vars); err != nil {
				t.Fatal(err)
			}
		}
		for _, v := range doc.Operations[0].VariableDefinitions {
			if _, ok := vars[v.Variable]; !ok && v.DefaultValue != nil {
				vars[v.Variable], _ = v.DefaultValue.Value(nil)
			}
		}
		p, err := cost.Of(s).Price(doc.Operations[0])
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := p.Points(vars); got != want.cost {
			t.Errorf("%s costs %d, want %d", query, got, want.cost)
		}
	}
}

// TestWhatIsTooLargeToBePriced ends soon, and says so.
func TestWhatIsTooLargeToBePriced(t *testing.T) {
	t.Parallel()
	var types strings.Builder
	for name := range strings.SplitSeq("ABCDEFGHIJ", "") {
		types.WriteString("type " + name + " implements Any { id: ID! i: Any }\n")
	}
	s, err := gqlparser.LoadSchema(&ast.Source{Input: "interface Any { id: ID! i: Any }\n" + types.String() + "type Query { i: Any }"})
	if err != nil {
		t.Fatal(err)
	}
	doc, errs := gqlparser.LoadQueryWithRules(s, "{ i {"+strings.Repeat(" i {", 18)+" id "+strings.Repeat("}", 18)+"} }", nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if _, err := cost.Of(s).Price(doc.Operations[0]); fault.KindOf(err) != fault.Invalid {
		t.Errorf("ten types, nineteen deep: %v", err)
	}
}
