package main

import (
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/sources/threepl/shipbob"
	"crossdock/sources/transport"
)

// TestASlowSystemIsGivenUp: the latency knob holds every call of its system back, and of no other.
func TestASlowSystemIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin("POST", "/admin/knobs", `{"latency":{"shipbob":"1h"}}`)
	c, err := shipbob.New("3pl", w.box.URL+"/shipbob", shipbob.Config{Token: "shipbob-sandbox-pat", Channel: "101", Policy: transport.Policy{Timeout: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Learn(t.Context()); fault.KindOf(err) != fault.Timeout {
		t.Errorf("a slow system is %v", err)
	}
	if a, err := w.erp.Accounts(t.Context(), []trade.AccountID{"C10001"}); err != nil || len(a.Found) != 1 {
		t.Errorf("another system: %+v, %v", a, err)
	}
	w.admin("POST", "/admin/knobs", `{"latency":{"shipbob":"0s"}}`)
	w.until("it is quick again", func() bool { return c.Learn(t.Context()) == nil })
}
