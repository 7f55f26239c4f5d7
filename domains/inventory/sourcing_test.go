package inventory_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crossdock/domains/inventory"
	"crossdock/domains/trade"
)

// supply is a node with stock of some items.
func supply(id string, priority int, free map[trade.SKU]int) inventory.Supply {
	s := inventory.Supply{Node: inventory.Node{ID: trade.NodeID(id), Priority: priority}, Free: map[trade.SKU]trade.Decimal{}}
	for sku, n := range free {
		s.Free[sku] = whole(n)
	}
	return s
}

func needs(list ...inventory.Need) inventory.Request { return inventory.Request{Needs: list} }

func need(line int, sku trade.SKU, n int) inventory.Need {
	return inventory.Need{Line: line, SKU: sku, Quantity: whole(n)}
}

func sends(p inventory.Plan) string {
	var out []string
	for _, s := range p.Promises {
		out = append(out, fmt.Sprintf("%d:%s:%s", s.Line, s.Node, s.Quantity))
	}
	return strings.Join(out, " ")
}

// TestVendureAllocationCap: of 10 at A and 15 at B, 13 are wanted and 13 are promised: what is left to promise shrinks from
// place to place. Since B has all of it, B alone sends; where no place has, 10 and 3.
func TestVendureAllocationCap(t *testing.T) {
	t.Parallel()
	a, b := supply("A", 1, map[trade.SKU]int{"X": 10}), supply("B", 2, map[trade.SKU]int{"X": 15})
	if got := sends(inventory.Sourced(needs(need(1, "X", 13)), []inventory.Supply{a, b})); got != "1:B:13" {
		t.Errorf("13 are sent as %s", got)
	}
	b = supply("B", 2, map[trade.SKU]int{"X": 12})
	if got := sends(inventory.Sourced(needs(need(1, "X", 13)), []inventory.Supply{a, b})); got != "1:A:10 1:B:3" {
		t.Errorf("13 of 10 and 12 are sent as %s", got)
	}
}

// TestCriteria is what decides between plans that send the same.
func TestCriteria(t *testing.T) {
	t.Parallel()
	near, early, cheap := supply("NEAR", 3, map[trade.SKU]int{"X": 5, "Y": 5}), supply("EARLY", 2, map[trade.SKU]int{"X": 5, "Y": 5}), supply("CHEAP", 1, map[trade.SKU]int{"X": 5, "Y": 5})
	near.Node.Near, near.Node.Cost, near.Waits = []string{"US-OH"}, whole(9), 2
	early.Node.Cost, early.Waits = whole(5), 0
	cheap.Node.Cost, cheap.Waits = whole(1), 1
	only := supply("ONLY", 0, map[trade.SKU]int{"X": 5})
	all := []inventory.Supply{near, early, cheap, only}
	r := needs(need(1, "X", 5), need(2, "Y", 5))
	r.ShipTo = trade.Address{Country: "US", Region: "OH"}
	for criterion, want := range map[trade.Criterion]string{trade.ByNearness: "NEAR", trade.ByLateness: "EARLY", trade.ByPriority: "CHEAP", trade.ByCost: "CHEAP"} {
		r.Criteria = []trade.Criterion{trade.BySplits, criterion}
		p := inventory.Sourced(r, all)
		if !slices.Equal(p.Score.Nodes, []trade.NodeID{trade.NodeID(want)}) || len(p.RunnersUp) != 3 || p.Heuristic {
			t.Errorf("by %s: %+v", criterion, p.Score)
		}
	}
	// Without splits first, a node of a lower number sends what it has.
	r.Criteria = []trade.Criterion{trade.ByCost}
	cheap.Node.Cost, only.Node.Cost = whole(3), whole(0)
	if p := inventory.Sourced(r, []inventory.Supply{cheap, only}); len(p.Score.Nodes) != 1 {
		t.Errorf("by cost alone: %+v", p.Score)
	}
}

// TestWhoIsNotConsidered is told with the reason.
func TestWhoIsNotConsidered(t *testing.T) {
	t.Parallel()
	full, refuses, empty, silent, avoided, good := supply("FULL", 1, map[trade.SKU]int{"X": 9}), supply("REFUSES", 1, map[trade.SKU]int{"X": 9}), supply("EMPTY", 1, map[trade.SKU]int{"X": 0}),
		supply("SILENT", 1, nil), supply("AVOIDED", 1, map[trade.SKU]int{"X": 9}), supply("GOOD", 9, map[trade.SKU]int{"X": 9})
	full.Full, refuses.Node.Refuses = true, []string{"HAZMAT"}
	r := needs(inventory.Need{Line: 1, SKU: "X", Category: "HAZMAT", Quantity: whole(3)})
	r.Avoid = []trade.NodeID{"AVOIDED"}
	p := inventory.Sourced(r, []inventory.Supply{full, refuses, empty, silent, avoided, good})
	got := map[trade.NodeID]string{}
	for _, e := range p.Excluded {
		got[e.Node] = e.Reason
	}
	want := map[trade.NodeID]string{"FULL": inventory.ExcludedFull, "REFUSES": inventory.ExcludedRefused, "EMPTY": inventory.ExcludedNoStock, "SILENT": inventory.ExcludedUnknown, "AVOIDED": inventory.ExcludedAvoided}
	if fmt.Sprint(got) != fmt.Sprint(want) || sends(p) != "1:GOOD:3" {
		t.Errorf("%v are excluded, and %s is sent", got, sends(p))
	}
}

// TestDays are those that a node sends on, by its own clock.
func TestDays(t *testing.T) {
	t.Parallel()
	n := inventory.Node{TimeZone: "America/New_York", Calendar: inventory.Calendar{CutOff: "15:00", Closed: []string{"SAT", "SUN", "2026-11-26"}}}
	for at, want := range map[string]string{
		"2026-11-24T19:59:00Z": "2026-11-24 0", // 14:59 there
		"2026-11-24T20:01:00Z": "2026-11-25 1",
		"2026-11-25T20:01:00Z": "2026-11-27 2", // the 26th is closed
		"2026-11-28T12:00:00Z": "2026-11-30 2", // a Saturday
		"2026-11-24T03:00:00Z": "2026-11-24 1", // still the 23rd there, after the cut-off
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if d := n.Days(now)[0]; fmt.Sprint(d.Date, " ", d.Away) != want {
			t.Errorf("at %s: %s in %d days, want %s", at, d.Date, d.Away, want)
		}
	}
}

// TestNoPlanIsBetter compares exact sourcing with all ways to send that there are, on small cases.
func TestNoPlanIsBetter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []inventory.Supply
		for n := range rapid.IntRange(1, 3).Draw(t, "nodes") {
			s := supply(string(rune('A'+n)), rapid.IntRange(0, 3).Draw(t, "priority"), map[trade.SKU]int{"X": rapid.IntRange(0, 3).Draw(t, "x"), "Y": rapid.IntRange(0, 3).Draw(t, "y")})
			s.Waits, s.Node.Cost = rapid.IntRange(0, 2).Draw(t, "waits"), whole(rapid.IntRange(0, 3).Draw(t, "cost"))
			if rapid.Bool().Draw(t, "near") {
				s.Node.Near = []string{"US"}
			}
			all = append(all, s)
		}
		r := inventory.Request{ShipTo: trade.Address{Country: "US"}, Criteria: rapid.Permutation(trade.Criteria()).Draw(t, "criteria"), MaxNodes: rapid.IntRange(0, 3).Draw(t, "most")}
		for i := range rapid.IntRange(1, 3).Draw(t, "lines") {
			r.Needs = append(r.Needs, need(i+1, rapid.SampledFrom([]trade.SKU{"X", "Y"}).Draw(t, "sku"), rapid.IntRange(1, 3).Draw(t, "quantity")))
		}
		p := inventory.Sourced(r, all)
		want := best(r, all)
		if got := verdict(r, all, amounts(p)); !slices.Equal(got, want) {
			t.Fatalf("the plan %s scores %v, the best there is %v", sends(p), got, want)
		}
		legal(t, r, all, p)
		if again := inventory.Sourced(r, all); sends(again) != sends(p) {
			t.Fatalf("asked again it is %s, not %s", sends(again), sends(p))
		}
	})
}

// TestManyNodes: beyond eight candidates the plan is flagged, legal, and sends as much as there is.
func TestManyNodes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []inventory.Supply
		there := map[trade.SKU]int{}
		for n := range rapid.IntRange(9, 20).Draw(t, "nodes") {
			free := map[trade.SKU]int{"X": rapid.IntRange(1, 3).Draw(t, "x"), "Y": rapid.IntRange(0, 3).Draw(t, "y")}
			there["X"], there["Y"] = there["X"]+free["X"], there["Y"]+free["Y"]
			all = append(all, supply(fmt.Sprintf("N%02d", n), n, free))
		}
		r := needs(need(1, "X", rapid.IntRange(1, 40).Draw(t, "x")), need(2, "Y", rapid.IntRange(1, 40).Draw(t, "y")))
		p := inventory.Sourced(r, all)
		legal(t, r, all, p)
		missing := 0
		for _, n := range r.Needs {
			wanted, _, _ := n.Quantity.Int64(0)
			missing += max(0, int(wanted)-there[n.SKU])
		}
		if !p.Heuristic || p.Short.Cmp(whole(missing)) != 0 {
			t.Fatalf("%s are short of %d that there are not; flagged %t", p.Short, missing, p.Heuristic)
		}
	})
}

// legal fails when a plan promises more than is wanted or there, or is short of what it says.
func legal(t *rapid.T, r inventory.Request, all []inventory.Supply, p inventory.Plan) {
	t.Helper()
	bySKU, byLine, short := map[string]trade.Decimal{}, map[int]trade.Decimal{}, r.Needs[0].Quantity.Zero()
	skuOf := map[int]trade.SKU{}
	for _, n := range r.Needs {
		skuOf[n.Line] = n.SKU
	}
	for _, s := range p.Promises {
		key := string(s.Node) + " " + string(skuOf[s.Line])
		bySKU[key], byLine[s.Line] = trade.Sum(bySKU[key], s.Quantity), trade.Sum(byLine[s.Line], s.Quantity)
		if !s.Quantity.IsPos() {
			t.Fatalf("a promise of %s", s.Quantity)
		}
	}
	for _, s := range all {
		for sku, free := range s.Free {
			if bySKU[string(s.Node.ID)+" "+string(sku)].Cmp(free) > 0 {
				t.Fatalf("%s has %s of %s, and %s are promised", s.Node.ID, free, sku, bySKU[string(s.Node.ID)+" "+string(sku)])
			}
		}
	}
	for _, n := range r.Needs {
		if byLine[n.Line].Cmp(n.Quantity) > 0 {
			t.Fatalf("line %d wants %s, and %s are promised", n.Line, n.Quantity, byLine[n.Line])
		}
		short = trade.Sum(short, trade.Less(n.Quantity, byLine[n.Line]))
	}
	if short.Cmp(p.Short) != 0 {
		t.Fatalf("%s are short, the plan says %s", short, p.Short)
	}
	if r.MaxNodes > 0 && len(p.Score.Nodes) > r.MaxNodes {
		t.Fatalf("%v send, of %d at most", p.Score.Nodes, r.MaxNodes)
	}
}

// amounts are a plan's promises, by line and node.
func amounts(p inventory.Plan) map[[2]string]int {
	out := map[[2]string]int{}
	for _, s := range p.Promises {
		n, _, _ := s.Quantity.Int64(0)
		out[[2]string{fmt.Sprint(s.Line), string(s.Node)}] += int(n)
	}
	return out
}

// verdict is how good a way to send is: what is short, then the criteria, then the nodes; less is better. It shares nothing
// with the code that it judges.
func verdict(r inventory.Request, all []inventory.Supply, sent map[[2]string]int) []string {
	wanted, total := 0, 0
	for _, n := range r.Needs {
		q, _, _ := n.Quantity.Int64(0)
		wanted += int(q)
	}
	used := map[string]bool{}
	for k, n := range sent {
		if total += n; n > 0 {
			used[k[1]] = true
		}
	}
	late, priority, far, cost := 0, 0, 0, 0
	var names []string
	for _, s := range all {
		if !used[string(s.Node.ID)] {
			continue
		}
		names = append(names, string(s.Node.ID))
		c, _, _ := s.Node.Cost.Int64(0)
		late, priority, cost = max(late, s.Waits), priority+s.Node.Priority, cost+int(c)
		if len(s.Node.Near) == 0 {
			far++
		}
	}
	out := []string{fmt.Sprintf("%03d", wanted-total)}
	for _, by := range r.Criteria {
		out = append(out, fmt.Sprintf("%03d", map[trade.Criterion]int{trade.BySplits: len(names), trade.ByLateness: late, trade.ByPriority: priority, trade.ByNearness: far, trade.ByCost: cost}[by]))
	}
	slices.Sort(names)
	return append(out, strings.Join(names, ","))
}

// best is the verdict on the best of all ways to send whole units.
func best(r inventory.Request, all []inventory.Supply) []string {
	left := map[[2]string]int{}
	for _, s := range all {
		for sku, free := range s.Free {
			n, _, _ := free.Int64(0)
			left[[2]string{string(sku), string(s.Node.ID)}] = int(n)
		}
	}
	var found []string
	sent := map[[2]string]int{}
	var try func(line, node, rest int)
	try = func(line, node, rest int) {
		if line == len(r.Needs) {
			used := map[string]bool{}
			for k, n := range sent {
				if n > 0 {
					used[k[1]] = true
				}
			}
			if r.MaxNodes > 0 && len(used) > r.MaxNodes {
				return
			}
			if v := verdict(r, all, sent); found == nil || slices.Compare(v, found) < 0 {
				found = v
			}
			return
		}
		if node == len(all) {
			next := 0
			if line+1 < len(r.Needs) {
				n, _, _ := r.Needs[line+1].Quantity.Int64(0)
				next = int(n)
			}
			try(line+1, 0, next)
			return
		}
		key, at := [2]string{fmt.Sprint(r.Needs[line].Line), string(all[node].Node.ID)}, [2]string{string(r.Needs[line].SKU), string(all[node].Node.ID)}
		for q := 0; q <= min(rest, left[at]); q++ {
			sent[key] += q
			left[at] -= q
			try(line, node+1, rest-q)
			sent[key] -= q
			left[at] += q
		}
	}
	first, _, _ := r.Needs[0].Quantity.Int64(0)
	try(0, 0, int(first))
	return found
}

// BenchmarkSourcing is 50 lines over 8 nodes, which are all compared.
func BenchmarkSourcing(b *testing.B) {
	var all []inventory.Supply
	var r inventory.Request
	for n := range 8 {
		free := map[trade.SKU]int{}
		for l := range 50 {
			free[trade.SKU(fmt.Sprint("S", l))] = (l*7 + n*3) % 11
		}
		all = append(all, supply(fmt.Sprint("N", n), n, free))
	}
	for l := range 50 {
		r.Needs = append(r.Needs, need(l+1, trade.SKU(fmt.Sprint("S", l)), cmp.Or(l%9, 1)))
	}
	for b.Loop() {
		inventory.Sourced(r, all)
	}
}
