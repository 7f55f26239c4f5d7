package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"crossdock/domains/inventory"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/internal/config"
	"crossdock/sandbox"
)

// newChain is a distributor with three warehouses of two systems, two 3PLs and two storefronts. The second
// system of each kind is another sandbox's, with other figures under the same names.
func newChain(t *testing.T) (w, north *world) {
	t.Helper()
	north = &world{t: t}
	north.box, north.said, north.engine = newSandbox(t, sandbox.Seeded(2, sandbox.Size{Customers: 30, Items: 60}))
	w = worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}), func(said *told, cfg *config.Config) {
		for _, s := range cfg.Sources {
			if s.Name == "wms" || s.Name == "webshop" {
				s.Name, s.URL, s.RegisterWebhooks = s.Name+"-north", strings.Replace(s.URL, said.URL, north.said.URL, 1), false
				cfg.Sources = append(cfg.Sources, s)
			}
		}
		cfg.Nodes = append(cfg.Nodes, config.Node{ID: "DC-NORTH", Kind: "WAREHOUSE", Source: "wms-north", Location: "EAST", Priority: 9})
	})
	return w, north
}

// warehouse asks the sandbox's warehouse itself.
func (w *world) warehouse(what string, query url.Values, into any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.box.URL+"/wms/v1/"+what+"?"+query.Encode(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "wms-sandbox-key")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		w.t.Fatal(err)
	}
}

// onHand is what the sandbox's warehouse itself says that a site has.
func (w *world) onHand(site string, skus []trade.SKU) map[string]string {
	w.t.Helper()
	query := url.Values{"sites": {site}}
	for _, sku := range skus {
		query.Set("skus", strings.Trim(query.Get("skus")+","+string(sku), ","))
	}
	var in struct {
		Items []struct {
			Site   string      `json:"site"`
			SKU    string      `json:"sku"`
			OnHand json.Number `json:"on_hand"`
		}
	}
	w.warehouse("stock", query, &in)
	out := map[string]string{}
	for _, i := range in.Items {
		if i.Site == site {
			out[i.SKU] = i.OnHand.String()
		}
	}
	return out
}

// TestEachKeyGoesToItsOwner: figures of five nodes come from four systems with one call each, two of which call
// a place of theirs EAST; one that fails spoils its own.
func TestEachKeyGoesToItsOwner(t *testing.T) {
	t.Parallel()
	w, north := newChain(t)
	g := newGraph(t, w)
	skus := []trade.SKU{"SKU-1000", "SKU-1001", "SKU-1002", "SKU-1010", "SKU-1020"}
	var keys []inventory.Key
	for _, sku := range skus {
		for _, n := range w.inventory.Nodes() {
			keys = append(keys, inventory.Key{Node: n.ID, SKU: sku})
		}
	}
	before := map[string]int64{}
	for name, c := range w.transports {
		before[name] = c.Calls()
	}
	const page = `{ availability(skus: ["SKU-1000", "SKU-1001", "SKU-1002", "SKU-1010", "SKU-1020"], maxAge: 0) {
		sku complete nodes { node provenance { source freshness } onHand { value } } unavailable { node code } } }`
	got := g.query("C10001", page, nil)
	for name, c := range w.transports {
		calls, want := c.Calls()-before[name], int64(0)
		if slices.Contains([]string{"wms", "wms-north", "threepl", "threepl-south"}, name) {
			want = 1
			if strings.HasPrefix(name, "threepl") {
				want = calls // it learns its ids first
			}
		}
		if calls != want {
			t.Errorf("%s was called %d times", name, calls)
		}
	}
	want := map[string]map[string]string{"DC-EAST": w.onHand("EAST", skus), "DC-WEST": w.onHand("WEST", skus), "DC-NORTH": north.onHand("EAST", skus)}
	if maps.Equal(want["DC-EAST"], want["DC-NORTH"]) {
		t.Fatal("both places that are called EAST have the same: nothing can be told apart")
	}
	owner := map[string]string{"DC-EAST": "wms", "DC-WEST": "wms", "DC-NORTH": "wms-north", "3PL-MAIN": "threepl", "3PL-SOUTH": "threepl-south"}
	shown := func(rows any) (n int) {
		t.Helper()
		for _, r := range rows.([]any) {
			row := r.(map[string]any)
			for _, at := range row["nodes"].([]any) {
				f := at.(map[string]any)
				node, from := fmt.Sprint(f["node"]), f["provenance"].(map[string]any)
				if from["source"] != owner[node] {
					t.Errorf("%s of %s comes from %v", row["sku"], node, from["source"])
				}
				if truth, ok := want[node]; ok && fmt.Sprint(f["onHand"].(map[string]any)["value"]) != truth[fmt.Sprint(row["sku"])] {
					t.Errorf("%s has %v of %s at %s, not %s", from["source"], f["onHand"], row["sku"], node, truth[fmt.Sprint(row["sku"])])
				}
				if from["freshness"] == "LIVE" {
					n++
				}
			}
		}
		return n
	}
	if n := shown(got.Data["availability"]); len(got.Errors) > 0 || n != len(keys) {
		t.Errorf("%d of %d figures are there: %v", n, len(keys), got.Errors)
	}
	north.admin("POST", "/admin/knobs", `{"outage":{"wms":true}}`)
	got = g.query("C10001", page, nil)
	if n := shown(got.Data["availability"]); n != len(keys)-len(skus) || len(got.Errors) > 0 {
		t.Errorf("with one of four systems down %d figures are live, the others last known: %v", n, got.Errors)
	}
	got = g.query("C10001", strings.ReplaceAll(page, "SKU-10", "SKU-11"), nil)
	if len(got.Errors) != 1 || got.Errors[0].Extensions["source"] != "wms-north" {
		t.Errorf("of what was not known before it is said %v", got.Errors)
	}
	for _, f := range got.Data["availability"].([]any) {
		if row := f.(map[string]any); row["complete"] != false || fmt.Sprint(row["unavailable"]) != "[map[code:SOURCE_UNAVAILABLE node:DC-NORTH]]" {
			t.Errorf("of what was not known before a row says %v", row)
		}
	}
}

// TestWorkGoesToTheSystemOfItsNode: an order that only one warehouse can fulfil is worked there, under the
// system's own name for the place, and what the others have is not touched.
func TestWorkGoesToTheSystemOfItsNode(t *testing.T) {
	t.Parallel()
	w, north := newChain(t)
	for i := range w.cfg.Nodes {
		if id := w.cfg.Nodes[i].ID; id != "DC-NORTH" {
			w.cfg.Nodes[i].Safety = "1000000"
		}
	}
	w = w.restarted()
	w.start()
	a := w.place("north", draft("C10001", line("SKU-1000", "2")))
	if a.Decision != orders.DecisionAccepted {
		t.Fatalf("it is %s: %+v", a.Decision, w.order(a.OrderID).Findings)
	}
	w.until("it has shipped", func() bool {
		w.step()
		north.step()
		return w.order(a.OrderID).Lines[0].Shipped.String() == "2"
	})
	work, err := w.shipments.WorkByOrder(t.Context(), trade.System("test"), []trade.OrderID{a.OrderID})
	if err != nil || len(work[a.OrderID]) != 1 || work[a.OrderID][0].Node != "DC-NORTH" {
		t.Fatalf("its work is %+v, %v", work[a.OrderID], err)
	}
	number := work[a.OrderID][0].Number
	if here, there := w.copies("works")(number), north.copies("works")(number); here != 0 || there != 1 {
		t.Errorf("its owner has it %d times and another system %d", there, here)
	}
}

// TestTwoStorefrontsAreToldApart: orders of one number from two shops are two, and each shop hears of its own,
// also while the other is down.
func TestTwoStorefrontsAreToldApart(t *testing.T) {
	t.Parallel()
	w, north := newChain(t)
	w.start()
	for n, at := range []*world{w, north} {
		at.admin("POST", "/admin/shop/orders", fmt.Sprintf(`{"po":"SAME","lines":[{"sku":"SKU-1000","quantity":%d}]}`, n+1))
	}
	from := func(shop string) *orders.Order {
		list, err := w.orders.List(t.Context(), trade.System("test"), orders.Filter{}, orders.Paging{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Orders {
			if o.ChannelSource == shop {
				return o
			}
		}
		return nil
	}
	tagged := func(at *world, number string) bool {
		o := at.admin("GET", "/admin/shop/orders", "")["orders"].([]any)[0].(map[string]any)
		tags, _ := o["tags"].([]any)
		return slices.Contains(tags, any("crossdock-"+number))
	}
	w.until("both have arrived, and each shop has the number of its own", func() bool {
		here, there := from("webshop"), from("webshop-north")
		return here != nil && there != nil && here.ID != there.ID && tagged(w, here.Number) && tagged(north, there.Number)
	})
	north.admin("POST", "/admin/knobs", `{"outage":{"shopify":true}}`)
	w.until("the first shop's order is on its way to its buyer", func() bool {
		w.step()
		north.step()
		tracking, _ := w.admin("GET", "/admin/shop/orders", "")["orders"].([]any)[0].(map[string]any)["tracking"].([]any)
		return len(tracking) == 1
	})
	north.admin("POST", "/admin/knobs", `{"outage":{"shopify":false}}`)
	w.until("the second shop has heard what it missed", func() bool {
		w.step()
		north.step()
		tracking, _ := north.admin("GET", "/admin/shop/orders", "")["orders"].([]any)[0].(map[string]any)["tracking"].([]any)
		return len(tracking) == 1
	})
}
