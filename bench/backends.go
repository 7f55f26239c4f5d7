package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The four systems of a wholesale company, as REST services that answer from memory: a shop with orders, an ERP with
// customers, items and prices, a warehouse with stock, and a 3PL with shipments. The data is a function of these sizes.
const (
	soldOrders = 20_000
	customers  = 500
	stocked    = 5_000
	// popular items are on seven of ten lines.
	popular = 200
	perPage = 20
	perLine = 5
)

// backends serve one system on each of four ports.
type backends struct {
	latency atomic.Int64
	calls   atomic.Int64
	orders  []map[string]any
	at      map[string]int
	bodies  map[string][]byte
}

func newBackends() *backends {
	b := &backends{at: map[string]int{}, bodies: map[string][]byte{}}
	rng := rand.New(rand.NewPCG(1, 1))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	stamp := func() string {
		return time.Date(2026, 1, 1, 0, rng.IntN(365*24*60), 0, 0, time.UTC).Format(time.RFC3339)
	}
	keep := func(kind, key string, v any) {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		b.bodies[kind+key] = raw
	}
	for i := range customers {
		id := fmt.Sprintf("C%04d", i)
		keep("customer", id, map[string]any{"id": id, "name": fmt.Sprintf("%s %s %d", pick("North", "Delta", "Union"), pick("Supply", "Traders", "Foods"), i), "terms": pick("NET30", "NET45", "COD"), "segment": pick("retail", "contractor")})
	}
	for i := range stocked {
		sku := fmt.Sprintf("SKU-%05d", i)
		keep("item", sku, map[string]any{"sku": sku, "name": fmt.Sprintf("%s %s %d", pick("Hex bolt", "Copper pipe", "Gasket"), pick("M8", "15mm"), i), "uom": pick("EA", "BX", "CS"), "packSize": 1 + rng.IntN(48), "category": pick("fasteners", "plumbing"), "description": "Kept in stock and shipped from any branch, one pack at least."})
		east, west := rng.IntN(400), rng.IntN(300)
		keep("stock", sku, map[string]any{"sku": sku, "onHand": east + west, "allocated": 0, "available": east + west, "bins": []any{map[string]any{"warehouse": "EAST", "available": east}, map[string]any{"warehouse": "WEST", "available": west}}})
	}
	buyer := ""
	for i := range soldOrders {
		if i%2 == 0 { // neighbours are of one customer: ten of them on a page of twenty
			buyer = fmt.Sprintf("C%04d", rng.IntN(customers))
		}
		id := fmt.Sprintf("O%06d", i)
		lines := []any{}
		for n := range perLine {
			item := rng.IntN(stocked)
			if rng.IntN(10) < 7 {
				item = rng.IntN(popular)
			}
			lines = append(lines, map[string]any{"id": fmt.Sprintf("%s-%d", id, n+1), "lineNo": n + 1, "sku": fmt.Sprintf("SKU-%05d", item), "quantity": 1 + rng.IntN(24)})
		}
		b.at[id] = i
		b.orders = append(b.orders, map[string]any{"id": id})
		keep("order", id, map[string]any{"id": id, "number": fmt.Sprintf("W-%07d", 1_000_000+i), "customerId": buyer, "status": pick("OPEN", "SHIPPED"), "placedAt": stamp(), "currency": "USD", "lines": lines})
		sent := []any{}
		for n := range rng.IntN(3) {
			sent = append(sent, map[string]any{"id": fmt.Sprintf("SH%06d%d", i, n), "orderId": id, "carrier": pick("UPS", "FEDEX", "XPO"), "tracking": fmt.Sprintf("1Z%012d", rng.Int64N(1e12)), "status": pick("IN_TRANSIT", "DELIVERED"), "shippedAt": stamp()})
		}
		keep("shipments", id, map[string]any{"orderId": id, "shipments": sent})
	}
	return b
}

// serve answers on each listener as the system of its place: shop, ERP, warehouse, 3PL.
func (b *backends) serve(listeners []net.Listener) error {
	errs := make(chan error)
	for _, l := range listeners {
		server := &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
		go func() { errs <- server.Serve(l) }()
	}
	return <-errs
}

// ServeHTTP implements http.Handler.
func (b *backends) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list := func(kind, keys string) {
		b.calls.Add(1)
		time.Sleep(time.Duration(b.latency.Load()))
		var out []byte
		for key := range strings.SplitSeq(keys, ",") {
			body := b.bodies[kind+key]
			switch {
			case key == "":
				continue
			case kind == "price":
				body = price(q.Get("customer"), key)
			case body == nil:
				body = []byte("null")
			}
			out = append(append(out, ','), body...)
		}
		if len(out) == 0 {
			out = []byte{','}
		}
		out[0] = '['
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(out, ']'))
	}
	switch r.URL.Path {
	case "/orders":
		if q.Get("ids") != "" {
			list("order", q.Get("ids"))
			return
		}
		from := 0
		if at, ok := b.at[q.Get("after")]; ok {
			from = at + 1
		}
		first, _ := strconv.Atoi(q.Get("first"))
		var ids []string
		for _, o := range b.orders[from:min(from+first, len(b.orders))] {
			ids = append(ids, fmt.Sprint(o["id"]))
		}
		list("order", strings.Join(ids, ","))
	case "/customers":
		list("customer", q.Get("ids"))
	case "/items":
		list("item", q.Get("ids"))
	case "/prices":
		list("price", q.Get("skus"))
	case "/inventory":
		list("stock", q.Get("skus"))
	case "/shipments":
		list("shipments", q.Get("orderIds"))
	case "/calls":
		_, _ = fmt.Fprint(w, b.calls.Swap(0))
	case "/v1/traces": // which nobody reads
		_, _ = io.Copy(io.Discard, r.Body)
	case "/latency":
		d, _ := time.ParseDuration(q.Get("d"))
		b.latency.Store(int64(d))
	default:
		http.NotFound(w, r)
	}
}

// price is what a customer pays for an item.
func price(customer, sku string) []byte {
	h := uint64(1469598103934665603)
	for _, c := range customer + sku {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return fmt.Appendf(nil, `{"customerId":%q,"sku":%q,"unitPrice":"%d.%02d","currency":"USD","priceList":"PL-%d"}`, customer, sku, 1+h%400, (h>>16)%100, (h>>32)%6)
}
