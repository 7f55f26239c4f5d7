//go:build live

package tryton_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/live/livetest"
	"crossdock/sources/sourcetest"
	"crossdock/sources/transport"
	"crossdock/sources/trytonrpc"
	"crossdock/sources/wms/tryton"
)

const node = "COL"

// product is the warehouse that live/ has started, with the people who work in it.
type product struct {
	*livetest.Tryton
	t *testing.T
	c *tryton.Client
}

func newProduct(t *testing.T) product {
	t.Helper()
	p := product{Tryton: livetest.NewTryton(t, "LIVE_WMS", "wms"), t: t}
	var err error
	if p.c, err = tryton.New("wms", p.URL, trytonrpc.Config{Database: "wms", User: "crossdock", Password: livetest.Password, Policy: transport.Policy{Timeout: 20 * time.Second}}); err != nil {
		t.Fatal(err)
	}
	return p
}

// documents counts what the warehouse works on: nothing that is in one of the states.
func (p product) documents(model string, not ...string) func(number string) int {
	return func(number string) int {
		return p.Count(model, []any{"reference", "=", number}, []any{"state", "not in", not})
	}
}

const (
	out  = "stock.shipment.out"
	back = "stock.shipment.out.return"
)

func run() string { return fmt.Sprint(time.Now().UnixNano(), "-") }

// TestTrytonPassesTheSuiteOfANode on the real product, which has no unique key.
func TestTrytonPassesTheSuiteOfANode(t *testing.T) {
	t.Parallel()
	p, begins := newProduct(t), run()
	sourcetest.TestNode(t, sourcetest.Node{
		Warehouse: p.c, Node: node, Items: []trade.SKU{"MI-1001", "MI-1002"}, Unit: "u", Many: 700, Run: begins, Works: p.documents(out, "cancelled", "draft"), Returns: p.documents(back, "cancelled"),
		Lose: livetest.Switched(&p.Lose), Down: livetest.Switched(&p.Down),
	})
	if n := p.Count(out, []any{"reference", "like", begins + "%"}, []any{"state", "=", "draft"}); n != 0 {
		t.Errorf("%d drafts are left", n)
	}
}

func (p product) release(number string, parts ...trade.Part) {
	p.t.Helper()
	_, err := p.c.Release(p.t.Context(), shipments.Work{
		Number: number, Account: "C20001", Node: node, Parts: parts,
		ShipTo: trade.Address{Name: "Hartwell Plumbing", Line1: "100 Main St", City: "Columbus", Region: "OH", PostalCode: "43085", Country: "US"},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p product) report(number string) shipments.Report {
	p.t.Helper()
	a, err := p.c.Reports(p.t.Context(), node, []string{number})
	if err != nil || a.Failed[number] != nil {
		p.t.Fatal(err, a.Failed[number])
	}
	return a.Found[number]
}

func part(sku trade.SKU, quantity string) trade.Part {
	return trade.Part{SKU: sku, Quantity: trade.MustDecimal(quantity), Unit: "u"}
}

// sent is what a report says has left, by item and tracking number.
func sent(r shipments.Report) map[string]string {
	m := map[string]string{}
	for _, s := range r.Shipments {
		for _, p := range s.Parts {
			m[fmt.Sprint(p.SKU, " ", s.TrackingNumber)] = p.Quantity.Trim(0).String()
		}
	}
	return m
}

func equal(a, b map[string]string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// TestAWarehousePicksPacksAndShips: each step is seen, and each parcel has its tracking number.
func TestAWarehousePicksPacksAndShips(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	number := run() + "FO"
	p.release(number, part("MI-1003", "2"), part("MI-2001", "5"))
	ids := p.IDs(out, []any{"reference", "=", number})
	if len(ids) != 1 {
		t.Fatalf("there are shipments %v", ids)
	}
	p.Write(out, ids, map[string]any{"carrier": p.IDs("carrier")[0]})
	for _, step := range []struct {
		transition string
		status     shipments.WorkStatus
		pick       shipments.PickStatus
	}{{"assign_try", shipments.InProgress, shipments.Picking}, {"pick", shipments.InProgress, shipments.Picked}, {"pack", shipments.InProgress, shipments.Packed}, {"done", shipments.Shipped, shipments.Packed}} {
		if step.transition == "pack" {
			p.Pack(ids[0], number, true)
		}
		p.Move(out, ids, step.transition)
		if r := p.report(number); r.Status != step.status || r.Pick != step.pick {
			t.Errorf("after %s it is %s, %s", step.transition, r.Status, r.Pick)
		}
	}
	r := p.report(number)
	if got := sent(r); !equal(got, map[string]string{"MI-1003 " + number + "1": "2", "MI-2001 " + number + "2": "5"}) && !equal(got, map[string]string{"MI-1003 " + number + "2": "2", "MI-2001 " + number + "1": "5"}) {
		t.Errorf("sent are %v", got)
	}
	if s := r.Shipments[0]; s.Carrier != "Midwest Parcel" || time.Since(s.ShippedAt) > time.Hour {
		t.Errorf("a parcel is %+v", s)
	}
	if stopped, err := p.c.Recall(t.Context(), shipments.Work{Number: number, Node: node}); err != nil || stopped {
		t.Errorf("what has left is stopped: %t, %v", stopped, err)
	}
}

// TestLessIsPicked than was asked for: what was sent is told, and that nothing more comes.
func TestLessIsPicked(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	number := run() + "FO"
	p.release(number, part("MI-1004", "10"))
	ids := p.IDs(out, []any{"reference", "=", number})
	moves := p.IDs("stock.move", []any{"shipment", "=", out + "," + strconv.Itoa(ids[0])}, []any{"to_location.type", "!=", "customer"})
	p.Write("stock.move", moves, map[string]any{"quantity": json.Number("7")})
	p.Move(out, ids, "assign_try", "pick", "pack", "done")
	if r := p.report(number); r.Status != shipments.Shipped || r.Reason == "" || !equal(sent(r), map[string]string{"MI-1004 ": "7"}) {
		t.Errorf("seven of ten are %+v", r)
	}
}

// TestWorkThatPeopleSplitIsOne: the first part leaves, the second waits and leaves later.
func TestWorkThatPeopleSplitIsOne(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	number := run() + "FO"
	p.release(number, part("MI-1005", "4"), part("MI-1006", "6"))
	ids := p.IDs(out, []any{"reference", "=", number})
	rest, split := p.Split(ids[0])
	p.Move(out, []int{split}, "wait")
	if ref, err := p.c.Release(t.Context(), shipments.Work{Number: number, Node: node}); err != nil || ref == "" {
		t.Errorf("work that is being split is released again: %q, %v", ref, err)
	}
	p.Move(out, []int{split}, "assign_try", "pick", "pack", "done")
	if r := p.report(number); r.Status != shipments.Open && r.Status != shipments.InProgress || len(r.Shipments) != 1 {
		t.Errorf("with one of two sent, and the other a draft, it is %+v", r)
	}
	p.Move(out, []int{rest}, "wait", "assign_try", "pick", "pack", "done")
	if r := p.report(number); r.Status != shipments.Shipped || len(r.Shipments) != 2 || !equal(sent(r), map[string]string{"MI-1005 ": "4", "MI-1006 ": "6"}) {
		t.Errorf("with both sent it is %+v", r)
	}
}

// TestStockIsWhatCanBePicked: goods of open work are taken off at once, and leave both figures when they ship;
// lots count together.
func TestStockIsWhatCanBePicked(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	key := inventory.Key{Node: node, SKU: "MI-2005"}
	figure := func() (onHand, allocated string) {
		t.Helper()
		a, err := p.c.Stock(t.Context(), []inventory.Key{key, {Node: "ELSEWHERE", SKU: "MI-2005"}})
		if err != nil || !a[0].OK || a[1].OK || a[0].Value.Unit != "u" {
			t.Fatalf("stock %+v, %v", a, err)
		}
		return a[0].Value.OnHand.Trim(0).String(), a[0].Value.Allocated.Trim(0).String()
	}
	expect := func(when, onHand, allocated string) {
		t.Helper()
		if h, a := figure(); h != onHand || a != allocated {
			t.Errorf("%s: %s on hand, %s allocated, not %s and %s", when, h, a, onHand, allocated)
		}
	}
	expect("before", "90", "0")
	number := run() + "FO"
	p.release(number, part("MI-2005", "15"))
	expect("with work", "90", "15")
	ids := p.IDs(out, []any{"reference", "=", number})
	p.Move(out, ids, "assign_try", "pick")
	expect("when it is picked", "90", "15")
	p.Move(out, ids, "pack", "done")
	expect("when it has left", "75", "0")
}

// TestLotsAreTold: what is in no lot, and items without lots, are in none.
func TestLotsAreTold(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	key := inventory.Key{Node: node, SKU: "MI-2002"}
	a, err := p.c.Lots(t.Context(), []inventory.Key{key, {Node: node, SKU: "MI-1001"}, {Node: "ELSEWHERE", SKU: "MI-2002"}})
	lots := map[string]string{}
	for _, l := range lookup.Only(a, err).Value {
		lots[l.Number] = l.OnHand.String()
	}
	if err != nil || a[1].OK || a[2].OK || lookup.Failure(a) != nil || !equal(lots, map[string]string{"L2607": "200 u", "L2610": "250 u"}) {
		t.Errorf("lots are %+v, %v", a, err)
	}
}

// TestWhatIsExpectedIsTold: with its day; not what customers send back, nor what nobody has planned.
func TestWhatIsExpectedIsTold(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	const sku = "MI-4002"
	one := func(model string, domain ...any) int {
		t.Helper()
		ids := p.IDs(model, domain...)
		if len(ids) == 0 {
			t.Fatalf("no %s by %v", model, domain)
		}
		return ids[0]
	}
	var product []struct {
		Unit int `json:"default_uom"`
	}
	id := one("product.product", []any{"code", "=", sku})
	p.Call("model.product.product.read", []any{[]any{id}, []string{"default_uom"}, p.Context()}, &product)
	var warehouse []struct {
		Input int `json:"input_location"`
	}
	p.Call("model.stock.location.read", []any{[]any{one("stock.location", []any{"code", "=", node})}, []string{"input_location"}, p.Context()}, &warehouse)
	move := func(quantity int, planned any) {
		p.Call("model.stock.move.create", []any{[]any{map[string]any{
			"product": id, "quantity": quantity, "uom": product[0].Unit, "from_location": one("stock.location", []any{"type", "=", "supplier"}), "to_location": warehouse[0].Input,
			"company": 1, "planned_date": planned, "unit_price": map[string]string{"__class__": "Decimal", "decimal": "1"}, "currency": one("currency.currency"),
		}}, p.Context()}, nil)
	}
	due := time.Now().AddDate(0, 0, 9)
	move(40, trytonrpc.Day(due))
	move(7, nil)
	if _, err := p.c.Expect(t.Context(), returns.Return{Number: run() + "RE", Account: "C20005", Node: node, Lines: []returns.Line{{SKU: sku, Authorized: trade.MustDecimal("3")}}}); err != nil {
		t.Fatal(err)
	}
	key := inventory.Key{Node: node, SKU: sku}
	a, err := p.c.Arrivals(t.Context(), []inventory.Key{key, {Node: "ELSEWHERE", SKU: sku}})
	if l := lookup.Only(a, err).Value; err != nil || a[1].OK || lookup.Failure(a) != nil || len(l) != 1 || l[0].Quantity.String() != "40" || l[0].Date != trade.DateOf(due) {
		t.Errorf("it expects %+v, %v", a, err)
	}
}

// TestGoodsComeBack: told once, received, and put where they belong.
func TestGoodsComeBack(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	number := run() + "RT"
	ref, err := p.c.Expect(t.Context(), returns.Return{Number: number, Account: "C20005", Node: node, Lines: []returns.Line{{SKU: "MI-4001", Authorized: trade.MustDecimal("3")}}})
	if err != nil || ref == "" {
		t.Fatal(ref, err)
	}
	receipt := func() returns.Receipt {
		t.Helper()
		a, err := p.c.Receipts(t.Context(), node, []string{number})
		if err != nil {
			t.Fatal(err)
		}
		return a.Found[number]
	}
	if r := receipt(); r.Done || len(r.Units) > 0 || r.Ref != ref {
		t.Errorf("goods that are expected are %+v", r)
	}
	ids := p.IDs(back, []any{"reference", "=", number})
	p.Move(back, ids, "receive")
	if r := receipt(); r.Done {
		t.Errorf("goods that nobody has looked at are %+v", r)
	}
	aside := p.IDs("stock.location", []any{"code", "=", "QUARANTINE"})
	moves := p.IDs("stock.move", []any{"shipment", "=", back + "," + strconv.Itoa(ids[0])}, []any{"from_location.type", "!=", "customer"})
	p.Write("stock.move", moves, map[string]any{"to_location": aside[0]})
	p.Move(back, ids, "done")
	if r := receipt(); !r.Done || len(r.Units) != 1 || r.Units[0].Disposition != returns.Quarantine || r.Units[0].Quantity.Trim(0).String() != "3" {
		t.Errorf("goods that were put aside are %+v", r)
	}
}

// TestWhatSomebodyHandedOnIsNotCancelled by who saw it as a draft: the product checks the stamp of what was
// read. All that makes work once is built on that.
func TestWhatSomebodyHandedOnIsNotCancelled(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	number := run() + "FO"
	p.release(number, part("MI-1007", "1"))
	ids := p.IDs(out, []any{"reference", "=", number})
	p.Move(out, ids, "draft")
	var seen []map[string]any
	p.Call("model."+out+".search_read", []any{[]any{[]any{"id", "in", ids}}, 0, 1, nil, []string{"_timestamp"}, p.Context()}, &seen)
	p.Move(out, ids, "wait")
	stale := p.Context()
	stale["_timestamp"] = map[string]any{out + "," + strconv.Itoa(ids[0]): seen[0]["_timestamp"]}
	if err := p.Try("model."+out+".cancel", []any{ids, stale}, nil); err == nil || !strings.Contains(err.Error(), "ConcurrencyException") {
		t.Errorf("what changed since it was read is cancelled: %v", err)
	}
}
