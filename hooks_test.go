package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/internal/config"
)

// postbox is the public address of a world: it keeps what was delivered, by source, in the order of
// its arrival.
type postbox struct {
	mu      sync.Mutex
	arrived map[string][]arrival
}

type arrival struct{ id, topic, body string }

// receive gives a world a public address.
func (w *world) receive() *postbox {
	w.t.Helper()
	box := &postbox{arrived: map[string][]arrival{}}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		source := strings.TrimPrefix(r.URL.Path, "/webhooks/")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		box.mu.Lock()
		h := r.Header
		box.arrived[source] = append(box.arrived[source], arrival{h.Get("X-Wms-Delivery") + h.Get("Webhook-Id") + h.Get("X-Shopify-Webhook-Id"), h.Get("X-Wms-Topic"), string(body)})
		box.mu.Unlock()
		r.SetPathValue("source", source)
		w.inbox.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(server.Close)
	w.cfg.PublicURL = server.URL
	w.cfg.PollEvery = config.Duration(time.Hour)
	w.background(w.engine.Run)
	return box
}

// of are the deliveries of a source, each once, and how many came again with the body that they had.
func (b *postbox) of(t *testing.T, source string) (first []arrival, again int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	bodies := map[string]string{}
	for _, a := range b.arrived[source] {
		switch had, known := bodies[a.id]; {
		case !known:
			bodies[a.id] = a.body
			first = append(first, a)
		case had != a.body:
			t.Errorf("delivery %s came with %s and then with %s", a.id, had, a.body)
		default:
			again++
		}
	}
	return first, again
}

// kept is how many deliveries of a source are kept.
func (w *world) kept(source string) (n int) {
	w.t.Helper()
	if err := w.pool.QueryRow(w.t.Context(), `SELECT count(*) FROM inbox WHERE source = $1`, source).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestWebhooksMoveAnOrderWithoutAPoll has the nodes tell, each thing twice and some in the wrong order,
// and polls nothing.
func TestWebhooksMoveAnOrderWithoutAPoll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	box := w.receive()
	w.admin("POST", "/admin/knobs", `{"chances":{"duplicate:wms":1,"duplicate:shipbob":1,"reorder:wms":1}}`)
	w.start()
	a := w.place("hooks", draft("C10001", line("SKU-1000", "2")))
	w.until("the work is released", func() bool { return w.order(a.OrderID).FulfillmentRollup() == "RELEASED" })
	w.until("the nodes know where to tell", func() bool {
		w.step()
		return w.order(a.OrderID).Status == orders.Completed && w.order(a.OrderID).FulfillmentRollup() == "DELIVERED"
	})
	told := w.admin("GET", "/admin/truth", "")["deliveries"].(map[string]any)
	for _, what := range []string{"first:wms", "duplicate:wms", "reorder:wms"} {
		if n, _ := told[what].(float64); n == 0 {
			t.Errorf("the sandbox made no %s: %v", what, told)
		}
	}
	w.until("everything that was sent has arrived", func() bool {
		told = w.admin("GET", "/admin/truth", "")["deliveries"].(map[string]any)
		first, again := box.of(t, "wms")
		return float64(len(first)) == told["first:wms"] && float64(again) == told["duplicate:wms"]
	})
	steps := []string{"outbound.picking", "outbound.picked", "outbound.packed", "outbound.shipped", "outbound.in_transit", "outbound.out_for_delivery", "outbound.delivered"}
	first, _ := box.of(t, "wms")
	if slices.IsSortedFunc(first, func(a, b arrival) int { return slices.Index(steps, a.topic) - slices.Index(steps, b.topic) }) {
		t.Errorf("nothing was overtaken: %v", first)
	}
	if n := w.kept("wms"); n != len(first) {
		t.Errorf("%d of %d deliveries are kept", n, len(first))
	}
	var dead int
	if err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM inbox WHERE state = 'DEAD'`).Scan(&dead); err != nil || dead > 0 {
		t.Errorf("%d deliveries are dead, %v", dead, err)
	}
}

// TestAShopsRedeliveryIsTakenOnce although it comes again with every delivery.
func TestAShopsRedeliveryIsTakenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	box := w.receive()
	w.admin("POST", "/admin/knobs", `{"chances":{"duplicate:shopify":1}}`)
	w.start()
	placed := func() int {
		list, err := w.orders.List(t.Context(), trade.System("test"), orders.Filter{Accounts: []trade.AccountID{"C10003"}, PONumber: "WEB-2"}, orders.Paging{})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Orders)
	}
	id := w.admin("POST", "/admin/shop/orders", `{"po":"WEB-2","lines":[{"sku":"SKU-1000","quantity":1}]}`)["id"].(string)
	w.until("the order has arrived, and the delivery twice", func() bool {
		if _, again := box.of(t, "webshop"); again == 0 {
			w.admin("POST", "/admin/shop/touch?id="+id, "")
			return false
		}
		return placed() == 1
	})
	w.until("everything that was sent is kept once", func() bool {
		told := w.admin("GET", "/admin/truth", "")["deliveries"].(map[string]any)
		first, again := box.of(t, "webshop")
		return told["first:shopify"] == float64(len(first)) && told["duplicate:shopify"] == float64(again) && w.kept("webshop") == len(first)
	})
	if n := placed(); n != 1 {
		t.Errorf("the shop's order is here %d times", n)
	}
}

// TestAForgedWebhookIsRefused keeps nothing of it.
func TestAForgedWebhookIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, source := range []string{"wms", "threepl", "webshop"} {
		for name, h := range map[string]http.Header{
			"none":   {},
			"forged": {"X-Wms-Signature": {"sha256=00ff"}, "X-Wms-Delivery": {"1"}, "Webhook-Id": {"1"}, "Webhook-Timestamp": {"1"}, "Webhook-Signature": {"v1,AAAA"}, "X-Shopify-Hmac-Sha256": {"AAAA"}, "X-Shopify-Webhook-Id": {"1"}},
		} {
			r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/webhooks/"+source, strings.NewReader(`{"reference":"SO-1-1"}`))
			r.Header = h
			r.SetPathValue("source", source)
			rec := httptest.NewRecorder()
			w.inbox.ServeHTTP(rec, r)
			if rec.Code != http.StatusUnauthorized {
				t.Errorf("%s with signature %s is answered %d", source, name, rec.Code)
			}
		}
	}
	var kept int
	if err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM inbox`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("%d deliveries are kept, %v", kept, err)
	}
}
