package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/internal/config"
)

// TestWebhooksMoveAnOrderWithoutAPoll has the nodes tell, twice and out of order, and polls
// nothing.
func TestWebhooksMoveAnOrderWithoutAPoll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.SetPathValue("source", strings.TrimPrefix(r.URL.Path, "/webhooks/"))
		w.inbox.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.cfg.PublicURL = server.URL
	w.cfg.PollEvery = config.Duration(time.Hour)
	w.background(w.engine.Run)
	w.admin("POST", "/admin/knobs", `{"chances":{"duplicate:wms":0.5,"duplicate:shipbob":0.5,"reorder:wms":0.3}}`)
	w.start()
	// One line that East has, and so many of another that a 3PL must help.
	a := w.place("hooks", draft("C10001", line("SKU-1000", "2")))
	w.until("the work is released", func() bool { return w.order(a.OrderID).FulfillmentRollup() == "RELEASED" })
	w.until("the nodes know where to tell", func() bool {
		w.step()
		return w.order(a.OrderID).Status == orders.Completed && w.order(a.OrderID).FulfillmentRollup() == "DELIVERED"
	})
	var kept, dead int
	if err := w.pool.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE state = 'DEAD') FROM inbox`).Scan(&kept, &dead); err != nil || kept == 0 || dead > 0 {
		t.Errorf("%d deliveries are kept and %d of them dead, %v", kept, dead, err)
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
