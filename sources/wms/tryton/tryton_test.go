package tryton_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/sources/trytonrpc"
	"crossdock/sources/trytonrpc/rpctest"
	"crossdock/sources/wms/tryton"
)

// replay is a client of a server with the replies, and what every session begins with.
func replay(t *testing.T, by map[string][]string) (*tryton.Client, *rpctest.Recorded) {
	t.Helper()
	by["get_preferences"], by["company.search_read"], by["location.search_read"] = []string{"preferences"}, []string{"company"}, []string{"warehouses"}
	r := rpctest.Replay(t, by)
	c, err := tryton.New("wms", r.URL, trytonrpc.Config{Database: "wms", User: "crossdock", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

// TestOfSixThatWereMadeOneIsHandedOn: what the product showed when six made the same shipment at once.
func TestOfSixThatWereMadeOneIsHandedOn(t *testing.T) {
	t.Parallel()
	c, r := replay(t, map[string][]string{"shipment.out.search_read": {"made_several_times", "others_cancelled", "handed_on"}, "out.cancel": {"done"}, "out.wait": {"done"}})
	ref, err := c.Release(t.Context(), shipments.Work{Number: "W-T-1", Node: "COL"})
	if err != nil || ref != "2" {
		t.Errorf("it is released as %q, %v", ref, err)
	}
	var wrote []string
	for i, m := range r.Asked {
		if strings.HasSuffix(m, "search_read") || strings.HasSuffix(m, "preferences") {
			continue
		}
		context := r.Params[i][1].(map[string]any)
		wrote = append(wrote, fmt.Sprint(m, r.Params[i][0], len(context["_timestamp"].(map[string]any))))
	}
	// Each with the stamps of what was read.
	if want := []string{"model.stock.shipment.out.cancel[6 7] 2", "model.stock.shipment.out.wait[2] 1"}; !slices.Equal(wrote, want) {
		t.Errorf("it calls %v", wrote)
	}
}

// TestEachParcelHasItsTrackingNumber, as packages of the product have.
func TestEachParcelHasItsTrackingNumber(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]shipments.Report{
		"packed":  {Status: shipments.InProgress, Pick: shipments.Packed},
		"shipped": {Status: shipments.Shipped, Pick: shipments.Packed, Shipments: make([]shipments.ReportedShipment, 2)},
	} {
		c, _ := replay(t, map[string][]string{"shipment.out.search_read": {file}})
		a, err := c.Reports(t.Context(), "COL", []string{"FO-1", "NEVER"})
		r := a.Found["FO-1"]
		if err != nil || len(a.Found) != 1 || r.Status != want.Status || r.Pick != want.Pick || len(r.Shipments) != len(want.Shipments) {
			t.Errorf("%s is %+v, %v", file, r, err)
		}
		for _, s := range r.Shipments {
			if s.Carrier != "Midwest Parcel" || !strings.HasPrefix(s.TrackingNumber, "FO-1") || len(s.Parts) != 1 || s.ShippedAt.IsZero() {
				t.Errorf("a parcel is %+v", s)
			}
		}
	}
}

func TestGoodsThatWerePutAsideAreInQuarantine(t *testing.T) {
	t.Parallel()
	c, _ := replay(t, map[string][]string{"out.return.search_read": {"received"}})
	a, err := c.Receipts(t.Context(), "COL", []string{"RT-1"})
	if r := a.Found["RT-1"]; err != nil || !r.Done || len(r.Units) != 1 || r.Units[0].Disposition != returns.Quarantine || r.Units[0].Quantity.String() != "3" {
		t.Errorf("the receipt is %+v, %v", r, err)
	}
}

func TestOpenWorkIsTakenOffWhatLiesThere(t *testing.T) {
	t.Parallel()
	c, r := replay(t, map[string][]string{"move.search_read": {"open_moves"}, "product.search_read": {"stock"}})
	key := inventory.Key{Node: "COL", SKU: "MI-2005"}
	a, err := c.Stock(t.Context(), []inventory.Key{key, {Node: "ELSEWHERE", SKU: "MI-2005"}})
	f := a[0].Value
	if err != nil || !a[0].OK || a[1].OK || lookup.Failure(a) != nil || f.OnHand.String() != "90" || f.Allocated.String() != "15" || f.Unit != trade.Unit("u") {
		t.Errorf("stock is %+v, %v", f, err)
	}
	if moves, stock := slices.Index(r.Asked, "model.stock.move.search_read"), slices.Index(r.Asked, "model.product.product.search_read"); moves > stock {
		t.Error("what lies there is read before what leaves: goods that leave in between are promised twice")
	}
}

func TestLotsOfTheProductAreRead(t *testing.T) {
	t.Parallel()
	c, _ := replay(t, map[string][]string{"lot.search_read": {"lots"}})
	key := inventory.Key{Node: "COL", SKU: "MI-2002"}
	a, err := c.Lots(t.Context(), []inventory.Key{key})
	if l := a[0].Value; err != nil || len(l) != 2 || l[0].Number != "L2607" || l[0].OnHand.String() != "200 u" {
		t.Errorf("lots are %+v, %v", a, err)
	}
}

// TestADraftThatWasOnlyMadeIsNoWork, though others like it were cancelled: it is handed on first.
func TestADraftThatWasOnlyMadeIsNoWork(t *testing.T) {
	t.Parallel()
	c, _ := replay(t, map[string][]string{"shipment.out.search_read": {"others_cancelled"}})
	if a, err := c.Reports(t.Context(), "COL", []string{"W-T-1"}); err != nil || len(a.Found)+len(a.Failed) != 0 {
		t.Errorf("it is reported as %+v, %v", a, err)
	}
}
