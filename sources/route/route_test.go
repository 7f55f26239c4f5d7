package route_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/references"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
	"crossdock/sources/route"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// system is a node that calls A "X" and knows no other name.
type system struct{ told []trade.SKU }

func (s *system) Release(_ context.Context, w shipments.Work) (string, error) {
	s.told = append(s.told, w.Parts[0].SKU)
	return "1", nil
}

func (s *system) Recall(_ context.Context, w shipments.Work) (bool, error) {
	s.told = append(s.told, w.Parts[0].SKU)
	return true, nil
}

func (s *system) Reports(context.Context, trade.NodeID, []string) (lookup.Answers[string, shipments.Report], error) {
	out := lookup.Empty[string, shipments.Report](1)
	out.Found["W"] = shipments.Report{Number: "W", Shipments: []shipments.ReportedShipment{{Parts: []trade.Part{{SKU: "X"}}}}}
	return out, nil
}

func (s *system) Expect(_ context.Context, r returns.Return) (string, error) {
	s.told = append(s.told, r.Lines[0].SKU)
	return "1", nil
}

func (s *system) Receipts(context.Context, trade.NodeID, []string) (lookup.Answers[string, returns.Receipt], error) {
	out := lookup.Empty[string, returns.Receipt](1)
	out.Found["R"] = returns.Receipt{Number: "R", Units: []returns.Unit{{SKU: "X"}}}
	return out, nil
}

func (s *system) Shipped(context.Context, []string) (lookup.Answers[string, []shipments.ReportedShipment], error) {
	out := lookup.Empty[string, []shipments.ReportedShipment](1)
	out.Found["O"] = []shipments.ReportedShipment{{Parts: []trade.Part{{SKU: "X"}}}}
	return out, nil
}

func (s *system) Stock(_ context.Context, keys []inventory.Key) ([]lookup.Result[inventory.Figure], error) {
	out := make([]lookup.Result[inventory.Figure], len(keys))
	for i, k := range keys {
		s.told = append(s.told, k.SKU)
		out[i] = lookup.Result[inventory.Figure]{Value: inventory.Figure{Key: k, OnHand: trade.MustDecimal("7")}, OK: true}
	}
	return out, nil
}

// nothing waits for a name here.
type nothing struct{}

func (nothing) Mapped(context.Context, postgres.Tx, references.Reference) error { return nil }

// TestANodeHearsItsOwnNamesAndWeOurs, in every question and every answer.
func TestANodeHearsItsOwnNamesAndWeOurs(t *testing.T) {
	t.Parallel()
	ctx, refs := t.Context(), references.New(pgtest.Database(t), nothing{})
	who := trade.Viewer{Subject: "olga", Scopes: []string{references.Scope}}
	if _, err := refs.Set(ctx, who, references.Name{Kind: references.Item, Source: "wms", Theirs: "X"}, "A"); err != nil {
		t.Fatal(err)
	}
	names := func(ctx context.Context, source string) (references.Names, error) {
		return refs.Of(ctx, references.Item, source)
	}
	s := &system{}
	p := route.Place{System: s, Source: "wms", Location: "EAST", Names: names}
	part := []trade.Part{{Line: 1, SKU: "A"}}
	if _, err := p.Release(ctx, shipments.Work{Parts: part}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Recall(ctx, shipments.Work{Parts: part}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Expect(ctx, returns.Return{Lines: []returns.Line{{SKU: "A"}}}); err != nil {
		t.Fatal(err)
	}
	stock := route.NewStock([]inventory.Node{{ID: "DC", Source: "wms", Location: "EAST"}}, map[string]inventory.Source{"wms": s}, names)
	key := inventory.Key{Node: "DC", SKU: "A"}
	f := lookup.Only(stock.Stock(ctx, []inventory.Key{key}))
	if f, err := f.Value, f.Err; err != nil || f.Key != key || f.OnHand.String() != "7" {
		t.Errorf("the figure is %+v, %v", f, err)
	}
	for i, sku := range s.told {
		if sku != "X" || len(s.told) != 4 {
			t.Errorf("question %d of %d names %s", i, len(s.told), sku)
		}
	}
	reports, err := p.Reports(ctx, "DC", []string{"W"})
	if sku := reports.Found["W"].Shipments[0].Parts[0].SKU; err != nil || sku != "A" {
		t.Errorf("a report is about %s, %v", sku, err)
	}
	receipts, err := p.Receipts(ctx, "DC", []string{"R"})
	if sku := receipts.Found["R"].Units[0].SKU; err != nil || sku != "A" {
		t.Errorf("a receipt is about %s, %v", sku, err)
	}
	past, err := route.Past{System: s, Source: "wms", Names: names}.Shipped(ctx, []string{"O"})
	if sku := past.Found["O"][0].Parts[0].SKU; err != nil || sku != "A" {
		t.Errorf("what was sent before is %s, %v", sku, err)
	}
	if part[0].SKU != "A" {
		t.Error("the caller's own parts were renamed")
	}
}

// shelf is a source that has seven of whatever it is asked about, but for what fails, and ends with an error after the failure of one.
type shelf struct{ fails map[inventory.Key]error }

func (s shelf) Stock(_ context.Context, keys []inventory.Key) ([]lookup.Result[inventory.Figure], error) {
	out := make([]lookup.Result[inventory.Figure], len(keys))
	var ended error
	for i, k := range keys {
		if err := s.fails[k]; err != nil {
			out[i].Err, ended = err, context.DeadlineExceeded
			continue
		}
		out[i] = lookup.Result[inventory.Figure]{Value: inventory.Figure{Key: k, OnHand: trade.MustDecimal("7")}, OK: true}
	}
	return out, ended
}

// full is a shelf that knows lots, one of each item that the two of ours are called by.
type full struct{ shelf }

func (full) Lots(_ context.Context, keys []inventory.Key) ([]lookup.Result[[]inventory.Lot], error) {
	out := make([]lookup.Result[[]inventory.Lot], len(keys))
	for i, k := range keys {
		out[i] = lookup.Result[[]inventory.Lot]{Value: []inventory.Lot{{Number: string(k.SKU)}}, OK: true}
	}
	return out, nil
}

// TestEachKeyIsAnsweredInItsPlace by several sources, one of which knows no lots and another calls two of our items by one name; what
// failed by itself says so, also when the time is up.
func TestEachKeyIsAnsweredInItsPlace(t *testing.T) {
	t.Parallel()
	ctx, refs := t.Context(), references.New(pgtest.Database(t), nothing{})
	if _, err := refs.Set(ctx, trade.Viewer{Subject: "olga", Scopes: []string{references.Scope}}, references.Name{Kind: references.Item, Source: "3pl", Theirs: "X"}, "A"); err != nil {
		t.Fatal(err)
	}
	down := fault.New(fault.Timeout, "silent").From("wms")
	stock := route.NewStock([]inventory.Node{{ID: "DC", Source: "wms", Location: "EAST"}, {ID: "FC", Source: "3pl", Location: "FC"}, {ID: "MOON", Source: "none", Location: "MOON"}},
		map[string]inventory.Source{"wms": shelf{map[inventory.Key]error{{Node: "EAST", SKU: "B"}: down}}, "3pl": full{}},
		func(ctx context.Context, source string) (references.Names, error) {
			return refs.Of(ctx, references.Item, source)
		})
	var keys []inventory.Key
	for _, sku := range []trade.SKU{"A", "B", "X"} {
		for _, node := range []trade.NodeID{"DC", "MOON", "FC"} {
			keys = append(keys, inventory.Key{Node: node, SKU: sku})
		}
	}
	figures, err := stock.Stock(ctx, keys)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range figures {
		switch k := keys[i]; {
		case k.Node == "MOON":
			if f.OK || f.Err != nil {
				t.Errorf("%v, which nobody has: %+v", k, f)
			}
		case k == inventory.Key{Node: "DC", SKU: "B"}:
			if !errors.Is(f.Err, down) {
				t.Errorf("%v, which failed: %+v", k, f)
			}
		case !f.OK || f.Value.Key != k:
			t.Errorf("%v is answered %+v", k, f)
		}
	}
	lots, err := stock.Lots(ctx, keys)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range lots {
		if k, want := keys[i], map[trade.SKU]string{"A": "X", "B": "B", "X": "X"}; l.OK != (k.Node == "FC") || l.OK && l.Value[0].Number != want[k.SKU] {
			t.Errorf("lots of %v are %+v", k, l)
		}
	}
}
