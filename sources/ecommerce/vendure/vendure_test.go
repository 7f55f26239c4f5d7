package vendure_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/sources/ecommerce/vendure"
)

// shop answers as the product did when its exchanges were recorded. What it is asked and has no record for
// fails the test.
type shop struct {
	*vendure.Client
	mu sync.Mutex
	// asked are the operations with their variables.
	asked []string
	vars  map[string]map[string]any
}

// replay is a client of a shop with the replies by operation: of several the first is the answer to the first
// call, and the last to all that follow.
func replay(t *testing.T, by map[string][]string) *shop {
	t.Helper()
	s := &shop{vars: map[string]map[string]any{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var q struct {
			OperationName string
			Variables     map[string]any
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Header.Get("vendure-api-key") != "secret" {
			t.Errorf("a question that cannot be read: %v", err)
		}
		s.asked, s.vars[q.OperationName] = append(s.asked, q.OperationName), q.Variables
		files := by[q.OperationName]
		if len(files) == 0 {
			t.Errorf("%s was asked for and is not recorded", q.OperationName)
			return
		}
		if len(files) > 1 {
			by[q.OperationName] = files[1:]
		}
		reply, err := os.ReadFile(filepath.Join("testdata", files[0]+".json"))
		if err != nil {
			t.Error(err)
		}
		if files[0] == "refused_query" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write(reply)
	}))
	t.Cleanup(server.Close)
	var err error
	if s.Client, err = vendure.New("webshop", server.URL, vendure.Config{Key: "secret", Account: "C20003", Location: "1"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAnOrderOfTheShopIsRead: what a customer bought, without tax, and where it goes; and a refund that the
// order's state does not show.
func TestAnOrderOfTheShopIsRead(t *testing.T) {
	t.Parallel()
	a, err := replay(t, map[string][]string{"ordersByID": {"order_placed"}}).Placed(t.Context(), []string{"16", "14", "99999999999", "99999999999999999999999"})
	o := a.Found["16"]
	if err != nil || len(a.Found) != 1 || len(a.Failed) != 0 || o.Cancelled || o.PlacedAt.IsZero() || len(o.Refunds) != 0 {
		t.Fatalf("it is %+v, %v", a, err)
	}
	if want := (trade.Address{Name: "Dana Reyes", Line1: "212 Elm St", City: "Columbus", Region: "OH", PostalCode: "43085", Country: "US"}); *o.Draft.ShipTo != want {
		t.Errorf("it goes to %+v", o.Draft.ShipTo)
	}
	if l := o.Draft.Lines; len(l) != 1 || l[0].SKU != "MI-1002" || l[0].Quantity.Value.String() != "4" || l[0].ExpectedUnitPrice.String() != "16.20 USD" || o.Draft.Account != "C20003" {
		t.Errorf("its lines are %+v", l)
	}
	a, err = replay(t, map[string][]string{"ordersByID": {"order_refunded"}}).Placed(t.Context(), []string{"13"})
	if r := a.Found["13"].Refunds; err != nil || len(r) != 1 || r[0].Amount.String() != "5.00 USD" || r[0].Ours {
		t.Errorf("its refunds are %+v, %v", r, err)
	}
}

// TestWhatFailsBehindA200IsAFailure, and each gets its kind once.
func TestWhatFailsBehindA200IsAFailure(t *testing.T) {
	t.Parallel()
	for file, kind := range map[string]fault.Kind{"refused_no_right": fault.Denied, "refused_taken": fault.Conflict, "refused_query": fault.Invalid, "refused_unknown_order": fault.NotFound, "refused_out_of_range": fault.Invalid} {
		s := replay(t, map[string][]string{"ordersByID": {file}})
		a, err := s.Placed(t.Context(), []string{"16"})
		if failed := a.Failed["16"]; err != nil || fault.KindOf(failed) != kind || fault.Unsure(failed) {
			t.Errorf("%s is %v, %v", file, failed, err)
		}
	}
}

func parcel() *shipments.Shipment {
	return &shipments.Shipment{Number: "SO-T/1", Carrier: "UPS", TrackingNumber: "1ZSO-T", Parts: []trade.Part{{SKU: "MI-1001", Quantity: trade.MustDecimal("3")}}}
}

// TestAParcelIsRecordedOnce: one whose recording was cut short goes on where it stopped.
func TestAParcelIsRecordedOnce(t *testing.T) {
	t.Parallel()
	for file, calls := range map[string][]string{"fulfilment_pending": {"ordersByID", "ship"}, "fulfilment_shipped": {"ordersByID"}} {
		s := replay(t, map[string][]string{"ordersByID": {file}, "ship": {"shipped", "refused_shipped_already"}})
		if err := s.Fulfil(t.Context(), "20", parcel()); err != nil || !slices.Equal(s.asked, calls) {
			t.Errorf("%s: it calls %v, %v", file, s.asked, err)
		}
	}
	// What the shop has not been told of yet is told first, and the parcel later.
	s := replay(t, map[string][]string{"ordersByID": {"order_placed"}, "fulfil": {"refused_no_stock"}})
	p := parcel()
	p.Parts[0].SKU = "MI-1002"
	if err := s.Fulfil(t.Context(), "16", p); !fault.Retryable(err) || fault.Unsure(err) {
		t.Errorf("without stock in the shop it is %v", err)
	}
	s = replay(t, map[string][]string{"ordersByID": {"order_placed"}, "fulfil": {"refused_all_sent"}})
	if err := s.Fulfil(t.Context(), "16", p); fault.KindOf(err) != fault.Conflict {
		t.Errorf("what was sent already is %v", err)
	}
}

// TestMoneyIsGivenBackOnce: what was paid beyond what the order costs, however far an earlier attempt came.
func TestMoneyIsGivenBackOnce(t *testing.T) {
	t.Parallel()
	line := orders.Line{Number: 1, SKU: "MI-1002", Quantity: trade.Quantity{Value: trade.MustDecimal("4")}, Cancelled: trade.MustDecimal("4")}
	o := &orders.Order{ChannelRef: "16", Number: "SO-1", CancelReason: "one is broken", Lines: []orders.Line{line}}
	for _, c := range []struct {
		orders, calls []string
	}{
		{[]string{"order_placed", "order_cancelled"}, []string{"ordersByID", "cancelLines", "ordersByID"}},
		{[]string{"order_cancelled"}, []string{"ordersByID"}},
		{[]string{"order_placed", "order_not_refunded"}, []string{"ordersByID", "cancelLines", "ordersByID", "refund", "settle"}},
	} {
		s := replay(t, map[string][]string{"ordersByID": c.orders, "cancelLines": {"cancelled"}, "refund": {"refund"}, "settle": {"settled"}})
		if err := s.CancelRest(t.Context(), o); err != nil || !slices.Equal(s.asked, c.calls) {
			t.Errorf("it calls %v, %v", s.asked, err)
		}
		// 69.50 were paid and 17.38 given back; nothing is left of the order.
		if r := s.vars["refund"]; r != nil && (r["amount"] != 5212.0 || r["payment"] != "16") {
			t.Errorf("it gives back %v", r)
		}
	}
	s := replay(t, map[string][]string{"ordersByID": {"order_not_refunded"}, "refund": {"refund_failed"}})
	if err := s.CancelRest(t.Context(), o); fault.KindOf(err) != fault.Conflict {
		t.Errorf("money that the provider does not give back is %v", err)
	}
	// A refund that was made and not settled is settled, not made again.
	o.Lines[0].Cancelled = trade.MustDecimal("1")
	s = replay(t, map[string][]string{"ordersByID": {"order_overpaid"}, "settle": {"settled"}})
	if err := s.CancelRest(t.Context(), o); err != nil || !slices.Equal(s.asked, []string{"ordersByID", "settle"}) {
		t.Errorf("it calls %v, %v", s.asked, err)
	}
}

// TestTheShopIsToldOfWhatItHasSoldToo: it sells what lies there less what it has allocated.
func TestTheShopIsToldOfWhatItHasSoldToo(t *testing.T) {
	t.Parallel()
	s := replay(t, map[string][]string{"variants": {"variants"}, "setStock": {"variants"}})
	if err := s.PublishStock(t.Context(), map[trade.SKU]trade.Decimal{"MI-1001": trade.MustDecimal("7.9")}); err != nil {
		t.Fatal(err)
	}
	// 27 are sold and not sent.
	if got, want := fmt.Sprint(s.vars["setStock"]["input"]), "[map[id:1 stockLevels:[map[stockLocationId:1 stockOnHand:34]]]]"; got != want {
		t.Errorf("it is told %s, not %s", got, want)
	}
}
