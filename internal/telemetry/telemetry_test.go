package telemetry_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crossdock/internal/telemetry"
)

// TestOthersAreToldOfTheTraceAlone: a request's traceparent goes on to sources, and what its sender's own tracing says beside it does not.
func TestOthersAreToldOfTheTraceAlone(t *testing.T) {
	t.Parallel()
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	tracing, err := telemetry.Open(t.Context(), telemetry.Options{Endpoint: collector.URL, Sample: 0}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(flags string) (http.Header, string) {
		h := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" + flags}, "Tracestate": {"portal=secret"}}
		ctx, span := tracing.Serve(t.Context(), "query", h, time.Now())
		defer span.End()
		out := http.Header{}
		telemetry.Tell(ctx, out)
		return out, telemetry.ID(ctx)
	}
	if out, id := ask("01"); !strings.HasPrefix(out.Get("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-") || len(out) != 1 || id != "0af76519-16cd-43dd-8448-eb211c80319c" {
		t.Errorf("of %s others are told %v", id, out)
	}
	if out, id := ask("00"); len(out) != 0 || id != "0af76519-16cd-43dd-8448-eb211c80319c" {
		t.Errorf("of %s, which nobody follows, others are told %v", id, out)
	}
	if err := tracing.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestACollectorThatCannotBe is refused at the start, rather than sent to in vain.
func TestACollectorThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"collector:4318", "http://", "ftp://collector", "localhost"} {
		if _, err := telemetry.Open(t.Context(), telemetry.Options{Endpoint: endpoint}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), endpoint) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}
