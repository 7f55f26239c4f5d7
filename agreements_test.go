package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

// saw is what the checks saw of the codes, as severity and path.
func saw(a *orders.Answer, codes ...string) string {
	var out []string
	for _, f := range a.Findings {
		if slices.Contains(codes, f.Code) {
			out = append(out, fmt.Sprintf("%s %s at %s", f.Severity, f.Code, f.Path))
		}
	}
	return strings.Join(out, ", ")
}

// TestBuyersOrderWhatTheyMay: what the rule of a buyer leaves out is turned down, and an order that is worth too much; others order
// everything.
func TestBuyersOrderWhatTheyMay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{default: {buyers: [{name: "yard", buyers: ["yard@*"], never: {skus: ["SKU-1001"]}, maximum: "200"}]}}`)
	yard := buyer("C10001")
	yard.Subject = "yard@C10001"
	for _, c := range []struct {
		who      trade.Viewer
		quantity string
		want     string
		decision orders.Decision
	}{
		{buyer("C10001"), "40", "", orders.DecisionAccepted},
		{yard, "1", "REJECT BUYER_NOT_AUTHORIZED at lines.1.sku", orders.DecisionPartiallyAccepted},
		{yard, "40", "REJECT BUYER_NOT_AUTHORIZED at lines.1.sku, REJECT BUYER_NOT_AUTHORIZED at lines", orders.DecisionRejected},
	} {
		a, err := w.orders.Validate(t.Context(), c.who, draft("C10001", line("SKU-1000", c.quantity), line("SKU-1001", "1")))
		if err != nil {
			t.Fatal(err)
		}
		if got := saw(a, "BUYER_NOT_AUTHORIZED"); got != c.want || a.Decision != c.decision {
			t.Errorf("%s orders %s: %s, %s; want %s, %s", c.who.Subject, c.quantity, a.Decision, got, c.decision, c.want)
		}
	}
}

// TestABlanketOrderIsUsedUp: orders under its number take from it, however many at once, what is cancelled is given back, and none
// of them is taken for a repeat of another.
func TestABlanketOrderIsUsedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	of := func(po, quantity string) orders.Draft {
		d := draft("C10001", line("SKU-1000", quantity))
		d.PONumber = po
		return d
	}
	one, err := w.orders.Validate(t.Context(), service(), of("-", "10"))
	if err != nil {
		t.Fatal(err)
	}
	ten := one.Order.Total.Amount
	g.rule(`{default: {blankets: [{poNumber: "B-1", maximum: "` + trade.Sum(ten, ten).String() + `"}, {poNumber: "B-2", maximum: "100000", until: "2026-01-31"}]}}`)
	answers := make(chan *orders.Answer, 3)
	for i := range 3 {
		go func() {
			a, err := w.orders.Place(t.Context(), buyer("C10001"), fmt.Sprint("blanket", i), of("B-1", "10"))
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	var taken []*orders.Answer
	var held *orders.Answer
	for range 3 {
		switch a := <-answers; saw(a, "BLANKET_EXHAUSTED", "DUPLICATE_PO") {
		case "":
			taken = append(taken, a)
		case "HOLD BLANKET_EXHAUSTED at poNumber":
			held = a
		default:
			t.Fatalf("one is %s: %+v", a.Decision, a.Findings)
		}
	}
	if len(taken) != 2 || held == nil {
		t.Fatalf("%d of 3 orders were taken, %v was held", len(taken), held)
	}
	if _, err := w.orders.Cancel(t.Context(), service(), taken[0].OrderID, nil, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	if on, err := w.orders.Reevaluate(t.Context(), held.OrderID); err != nil || !on {
		t.Errorf("after a cancel the order goes on: %t, %v", on, err)
	}
	if a := w.place("late", of("B-2", "10")); saw(a, "BLANKET_EXHAUSTED") != "HOLD BLANKET_EXHAUSTED at poNumber" || a.Findings[0].Evidence["until"] != "2026-01-31" {
		t.Errorf("after the last day: %+v", a.Findings)
	}
}

// TestPromotions: the ERP's own are in its prices, step by step, until their last day; one that the buyer orders by counts where
// the ERP knows it, and is said to take nothing off where it does not.
func TestPromotions(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *world{"business central": newWorld, "a bespoke ERP": newHouse} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			g := newGraph(t, w)
			today := trade.DateOf(time.Now().UTC())
			const ask = `query($p: String) { priceQuote(accountId: "C10001", promotion: $p, maxAge: 0, lines: [{sku: "SKU-1000", quantity: {value: "1", unit: "PCS"}}]) { price { unitPrice { amount } validUntil waterfall { kind label amount { amount } result { amount } } } } }`
			price := func(promotion string) (trade.Decimal, string) {
				t.Helper()
				got := g.query("service", ask, map[string]any{"p": promotion})
				if len(got.Errors) > 0 {
					t.Fatal(got.Errors)
				}
				lines, _ := at(got.Data, "priceQuote").([]any)
				p := at(lines[0], "price")
				steps, _ := at(p, "waterfall").([]any)
				sum := trade.Decimal{}
				for _, s := range steps {
					sum = trade.Sum(sum, trade.MustDecimal(at(s, "amount", "amount").(string)))
				}
				is := trade.MustDecimal(at(p, "unitPrice", "amount").(string))
				if !sum.Equal(is) {
					t.Errorf("the steps %v add up to %s, not %s", steps, sum, is)
				}
				last := steps[len(steps)-1]
				return is, fmt.Sprint(at(last, "kind"), " ", at(last, "label"), " ", at(p, "validUntil"))
			}
			plain, _ := price("")
			w.admin("POST", "/admin/erp/promotion?sku=SKU-1000&code=SPRING&percent=10&ends="+string(today.Plus(3)), "")
			w.admin("POST", "/admin/erp/promotion?sku=SKU-1000&code=FRIENDS&percent=20&closed=true", "")
			if is, last := price(""); !is.Equal(trade.Less(plain, share(plain, "0.1"))) || last != "PROMOTION SPRING "+string(today.Plus(3)) {
				t.Errorf("open to all: %s of %s, %s", is, plain, last)
			}
			if is, last := price("FRIENDS"); !is.Equal(trade.Less(plain, share(plain, "0.2"))) || last != "PROMOTION FRIENDS <nil>" {
				t.Errorf("by its name: %s of %s, %s", is, plain, last)
			}
			validate := func(promotion string, wanted trade.Date) *orders.Answer {
				t.Helper()
				d := draft("C10001", line("SKU-1000", "1"))
				d.Promotion, d.RequestedDate = promotion, wanted
				a, err := w.orders.Validate(t.Context(), service(), d)
				if err != nil {
					t.Fatal(err)
				}
				return a
			}
			for _, c := range []struct {
				promotion string
				wanted    trade.Date
				off, saw  string
			}{
				{"", "", "0.1", ""},
				{"friends", "", "0.1", "WARN PROMO_INVALID at promotion"}, // the ERP knows it as FRIENDS
				{"FRIENDS", "", "0.2", ""},
				{"WINTER", "", "0.1", "WARN PROMO_INVALID at promotion"},
				{"SPRING", today.Plus(3), "0.1", ""},
				{"SPRING", today.Plus(4), "0.1", "WARN PRICE_EXPIRED at lines.0.sku"},
			} {
				a := validate(c.promotion, c.wanted)
				if is, want := a.Order.Lines[0].UnitPrice.Amount, trade.Less(plain, share(plain, c.off)); !is.Equal(want) || saw(a, "PROMO_INVALID", "PRICE_EXPIRED") != c.saw {
					t.Errorf("%q on %q costs %s, not %s: %s", c.promotion, c.wanted, is, want, saw(a, "PROMO_INVALID", "PRICE_EXPIRED"))
				}
			}
		})
	}
}

// share is a part of a price, as the ERP rounds prices.
func share(of trade.Decimal, part string) trade.Decimal {
	left := trade.Less(trade.MustDecimal("1"), trade.MustDecimal(part))
	return trade.Less(of, trade.Money{Amount: of}.Times(left).Amount.Round(4).Trim(2))
}

// TestLotsThatKeep: of items that must keep for a time only lots that do are promised, at every node by what it tells; the plan says
// which nodes have none, the finding which lots there are.
func TestLotsThatKeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	today := trade.DateOf(time.Now().UTC())
	lot := func(system, site, number, quantity string, expires trade.Date, blocked bool) {
		w.admin("POST", fmt.Sprintf("/admin/wms/lot?system=%s&site=%s&sku=SKU-1000&number=%s&quantity=%s&expires=%s&blocked=%t", system, site, number, quantity, expires, blocked), "")
	}
	lot("wms", "EAST", "E1", "3", today.Plus(29), false)
	lot("wms", "EAST", "E2", "4", today.Plus(30), false)
	lot("wms", "EAST", "E3", "5", today.Plus(90), true)
	lot("wms", "WEST", "W1", "50", today.Plus(10), false)
	g.rule(`{default: {lots: [{items: {skus: ["SKU-1000"]}, days: 30}]}, classes: [{name: "ONE", accounts: ["C10005"], policy: {lots: [{items: {skus: ["SKU-1000"]}, single: true}]}}, {name: "ALL", accounts: ["C10006"], policy: {backorders: FILL_OR_KILL}}]}`)
	promised := func(a *orders.Answer) string {
		var out []string
		for _, p := range a.Order.Lines[0].Allocations {
			out = append(out, fmt.Sprint(p.Quantity, " from ", p.Node))
		}
		return strings.Join(out, ", ")
	}
	validate := func(quantity string, wanted trade.Date) *orders.Answer {
		t.Helper()
		d := draft("C10001", line("SKU-1000", quantity))
		d.RequestedDate = wanted
		a, err := w.orders.Validate(t.Context(), service(), d)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := validate("4", ""); promised(a) != "4 from DC-EAST" || saw(a, "LOT_RULES", "ATP_SHORT") != "" {
		t.Errorf("what keeps: %s, %s", promised(a), saw(a, "LOT_RULES", "ATP_SHORT"))
	}
	short := validate("5", "")
	if promised(short) != "4 from DC-EAST" || saw(short, "LOT_RULES", "ATP_SHORT") != "WARN LOT_RULES at lines.0.sku, HOLD ATP_SHORT at lines.0.quantity.value" {
		t.Errorf("more than keeps: %s, %s", promised(short), saw(short, "LOT_RULES", "ATP_SHORT"))
	}
	if text := fmt.Sprint(short.Findings); !strings.Contains(text, "E1") || !strings.Contains(text, "E3") || !strings.Contains(text, "W1") || strings.Contains(text, "lot:E2") {
		t.Errorf("the lots are not named: %s", text)
	}
	if a := validate("1", today.Plus(1)); promised(a) != "" {
		t.Errorf("wanted a day later: %s", promised(a))
	}
	lot("shipbob-south", "34", "S1", "6", today.Plus(60), false)
	if a := validate("10", ""); promised(a) != "4 from DC-EAST, 6 from 3PL-SOUTH" {
		t.Errorf("with a 3PL's lot: %s", promised(a))
	}
	for quantity, want := range map[string]string{"50": "50 from DC-WEST", "60": "50 from DC-WEST", "6": "6 from DC-WEST"} {
		a, err := w.orders.Validate(t.Context(), service(), draft("C10005", line("SKU-1000", quantity)))
		if err != nil || promised(a) != want || (saw(a, "LOT_RULES") != "") != (quantity == "60") {
			t.Errorf("%s from one lot: %s, %s, %v", quantity, promised(a), saw(a, "LOT_RULES"), err)
		}
	}
	got := g.query("service", `{ simulateSourcing(input: {accountId: "C10001", lines: [{sku: "SKU-1000", quantity: {value: "4", unit: "PCS"}}]}) { excluded { node reason } } availability(skus: ["SKU-1000"]) { nodes { node lots { number expires blocked onHand { value } } } } }`, nil)
	if text := fmt.Sprint(got.Data, got.Errors); !strings.Contains(text, "node:DC-WEST reason:NO_ELIGIBLE_LOT") || !strings.Contains(text, "blocked:true expires:"+string(today.Plus(90))) {
		t.Errorf("the plan is %s", text)
	}
	w.admin("POST", "/admin/knobs", `{"outage": {"wms": true}}`)
	for _, account := range []trade.AccountID{"C10001", "C10006"} {
		a := w.place("dark"+string(account), draft(account, line("SKU-1000", "1")))
		if a.Decision == orders.DecisionHeld && strings.HasPrefix(saw(a, "LOT_RULES"), "WARN") {
			continue
		}
		t.Errorf("while a node does not tell its lots: %s, %+v", a.Decision, a.Findings)
	}
}

// TestGoodsAreSentByTheServiceAskedFor: only nodes that offer it send, by their own system's name for it; what nobody offers, or
// does not send so, is held.
func TestGoodsAreSentByTheServiceAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	w.start()
	got := g.query("buyer", `{ carrierServices { name nodes } }`, nil)
	if text := fmt.Sprint(got.Data, got.Errors); text != "map[carrierServices:[map[name:EXPRESS nodes:[DC-EAST 3PL-MAIN]] map[name:GROUND nodes:[DC-EAST DC-WEST 3PL-MAIN 3PL-SOUTH]]]] []" {
		t.Errorf("the services are %s", text)
	}
	place := func(key, sku, quantity, service string) *orders.Answer {
		t.Helper()
		d := draft("C10001", line(trade.SKU(sku), quantity))
		d.Service = service
		return w.place(key, d)
	}
	for _, c := range []struct{ service, saw, methods string }{
		{"", "", "EAST: "},
		{"EXPRESS", "", "EAST: NEXT_DAY"},
		{"GROUND", "", "EAST: GROUND"},
		{"DRONE", "HOLD CARRIER_SERVICE_INVALID at carrierService", ""},
	} {
		a := place("by "+c.service, "SKU-1000", "1", c.service)
		if got := saw(a, "CARRIER_SERVICE_INVALID", "ATP_SHORT"); got != c.saw {
			t.Errorf("by %q: %s, want %s", c.service, got, c.saw)
		}
		if c.methods == "" {
			continue
		}
		w.until("it is with its node", func() bool { return methods(w, a.Order.Number) != "" })
		if got := methods(w, a.Order.Number); got != c.methods {
			t.Errorf("by %q the node is asked for %q, want %q", c.service, got, c.methods)
		}
	}
	if a := place("safe", "SKU-1015", "10", "EXPRESS"); saw(a, "CARRIER_SERVICE_INVALID") != "" || len(a.Order.Lines[0].Allocations) != 1 || a.Order.Lines[0].Allocations[0].Node != "3PL-MAIN" {
		t.Errorf("what the first node does not send so: %+v", a.Order.Lines)
	}
}

// methods is what the warehouse was asked to send an order by, by place.
func methods(w *world, number string) string {
	w.t.Helper()
	var list struct {
		Orders []struct{ Site, Service string }
	}
	w.warehouse("outbound-orders", url.Values{"references": {number + "-1"}}, &list)
	var out []string
	for _, o := range list.Orders {
		out = append(out, o.Site+": "+o.Service)
	}
	return strings.Join(out, ", ")
}

// TestADiscontinuedItemNamesItsSuccessor, where the ERP tells.
func TestADiscontinuedItemNamesItsSuccessor(t *testing.T) {
	t.Parallel()
	w := newHouse(t)
	g := newGraph(t, w)
	w.admin("POST", "/admin/erp/discontinue?sku=SKU-1000&successor=SKU-1001", "")
	if got := fmt.Sprint(g.query("service", `{ item(sku: "SKU-1000", maxAge: 0) { discontinued successor } }`, nil).Data); got != "map[item:map[discontinued:true successor:SKU-1001]]" {
		t.Errorf("the item is %s", got)
	}
	a := w.place("ended", draft("C10001", line("SKU-1000", "1"), line("SKU-1001", "1")))
	if a.Decision != orders.DecisionPartiallyAccepted || saw(a, "ITEM_DISCONTINUED") != "REJECT ITEM_DISCONTINUED at lines.0.sku" || !strings.Contains(fmt.Sprint(a.Findings), "order SKU-1001 in its place") {
		t.Errorf("it is %s: %+v", a.Decision, a.Findings)
	}
}
