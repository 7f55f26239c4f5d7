package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"crossdock/domains/trade"
	"crossdock/internal/telemetry"
)

// traces are what a collector was sent.
type traces struct {
	mu    sync.Mutex
	spans []*otlp.Span
}

// collect starts a collector.
func collect(t *testing.T) (*traces, string) {
	t.Helper()
	out := &traces{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(raw, &sent) != nil {
			http.Error(w, "not traces", http.StatusBadRequest)
			return
		}
		out.mu.Lock()
		defer out.mu.Unlock()
		for _, rs := range sent.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				out.spans = append(out.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(server.Close)
	return out, server.URL
}

// of are the spans of a trace by name.
func (c *traces) of(trace string) map[string]*otlp.Span {
	out := map[string]*otlp.Span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.TraceId) == trace {
			out[s.Name] = s
		}
	}
	return out
}

// TestATraceFollowsAnOrder from the portal's click to the ERP's document and the nodes' work, and what a node tells begins one of its own.
func TestATraceFollowsAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got, endpoint := collect(t)
	tracing, err := telemetry.Open(t.Context(), telemetry.Options{Endpoint: endpoint, Sample: 1, Version: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.follow(tracing)
	w.start()
	g := newGraph(t, w)
	const followed, ignored = "0af7651916cd43dd8448eb211c80319c", "1af7651916cd43dd8448eb211c80319c"
	place := func(trace, flags, key string) trade.OrderID {
		t.Helper()
		body := `{"query": "mutation Buy($i: PlaceOrderInput!) { placeOrder(input: $i) { order { number account { name } } errors { message } } }", "variables": {"i": {"idempotencyKey": "` + key + `", "lines": [{"sku": "SKU-1000", "quantity": {"value": "2"}}]}}}`
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+g.tokens["C10001"])
		req.Header.Set("traceparent", "00-"+trace+"-b7ad6b7169203331-"+flags)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var out struct {
			Data struct {
				PlaceOrder struct{ Order struct{ Number string } }
			}
		}
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Data.PlaceOrder.Order.Number == "" {
			t.Fatalf("%+v, %v", out, err)
		}
		var id trade.OrderID
		if err := w.pool.QueryRow(t.Context(), `SELECT id::text FROM orders WHERE number = $1`, out.Data.PlaceOrder.Order.Number).Scan(&id); err != nil {
			t.Fatal(err)
		}
		w.handedOn(id)
		return id
	}
	id := place(followed, "01", "followed")
	place(ignored, "00", "ignored")
	w.until("it is delivered", func() bool { w.step(); return w.order(id).FulfillmentRollup() == "DELIVERED" })
	if err := tracing.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}

	spans := got.of(followed)
	root := spans["mutation Buy"]
	if root == nil || hex.EncodeToString(root.ParentSpanId) != "b7ad6b7169203331" || root.Kind != otlp.Span_SPAN_KIND_SERVER || root.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR {
		t.Fatalf("the mutation: %v, among %v", root, names(got.spans))
	}
	beneath := func(name, parent string) {
		t.Helper()
		if s, p := spans[name], spans[parent]; s == nil || p == nil || hex.EncodeToString(s.ParentSpanId) != hex.EncodeToString(p.SpanId) || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%s is not beneath %s: %v", name, parent, names(got.spans))
		}
	}
	for _, call := range []string{"erp accounts", "erp prices", "wms stock", "postgres UPDATE idempotency", "effect order.register", "effect work.release"} {
		beneath(call, "mutation Buy")
	}
	beneath("erp register order", "effect order.register")
	beneath("wms release", "effect work.release")
	if got := got.of(ignored); len(got) > 0 {
		t.Errorf("a trace that is not sampled has %d spans", len(got))
	}
	var events int
	if err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE order_id = $1 AND correlation = ''`, id).Scan(&events); err != nil || events > 0 {
		t.Errorf("%d events of the order have no correlation, %v", events, err)
	}
	if all := names(got.spans); all["poll nodes"]+all["delivery wms fulfilment"] == 0 || all["wms reports"] == 0 {
		t.Errorf("what the warehouse told is not followed: %v", all)
	}
}

func names(spans []*otlp.Span) map[string]int {
	out := map[string]int{}
	for _, s := range spans {
		out[s.Name]++
	}
	return out
}
