package route_test

import (
	"context"
	"os"
	"testing"

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
