package main

import (
	"bytes"
	"strings"
	"testing"

	"crossdock/internal/config"
	"crossdock/sandbox"
)

// TestAProbeSaysWhatWorks of every source, and what does not while one is down.
func TestAProbeSaysWhatWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, s := range w.cfg.Sources {
		var out bytes.Buffer
		if err := w.probe(t.Context(), &out, s.Name); err != nil || strings.Count(out.String(), " ok ") == 0 {
			t.Errorf("%s: %v\n%s", s.Name, err, out.String())
		}
	}
	wrong := worldWith(t, sandbox.Seeded(1, sandbox.Size{Customers: 5, Items: 20}), func(_ *told, cfg *config.Config) {
		for i := range cfg.Nodes {
			if cfg.Nodes[i].ID == "DC-EAST" {
				cfg.Nodes[i].Location = "EASTSIDE"
			}
		}
	})
	var drifted bytes.Buffer
	if err := wrong.probe(t.Context(), &drifted, "wms"); err == nil || !strings.Contains(drifted.String(), `none is known at location "EASTSIDE"`) {
		t.Errorf("a place that is called otherwise: %v\n%s", err, drifted.String())
	}
	w.admin("POST", "/admin/knobs", `{"outage":{"shopify":true}}`)
	var out bytes.Buffer
	if err := w.probe(t.Context(), &out, "webshop"); err == nil || !strings.Contains(out.String(), "FAILED") {
		t.Errorf("a shop that is down: %v\n%s", err, out.String())
	}
	if err := w.probe(t.Context(), &out, "nobody"); err == nil || !strings.Contains(err.Error(), `no source "nobody"`) {
		t.Errorf("a source that is not configured: %v", err)
	}
}
