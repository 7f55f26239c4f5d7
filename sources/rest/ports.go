package rest

import (
	"cmp"
	"context"
	"slices"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
)

var (
	_ inventory.Source        = (*Client)(nil)
	_ inventory.ArrivalSource = (*Client)(nil)
	_ inventory.LotSource     = (*Client)(nil)
	_ shipments.Fulfiller     = (*Client)(nil)
	_ returns.Receiver        = (*Client)(nil)
	_ shipments.Historian     = (*Client)(nil)
)

// Stock reads figures. It needs the operation "stock", whose rows have node, sku, onHand,
// allocated and, where known, unit and inbound. The variable "nodes" holds the nodes asked for. A row of an item that
// lists its places has them in places, each read through the shape "place" (node, onHand, allocated, inbound).
func (c *Client) Stock(ctx context.Context, keys []inventory.Key) ([]lookup.Result[inventory.Figure], error) {
	return perPlace(ctx, c, "stock", keys, func(r, at *row, k inventory.Key, into *lookup.Result[inventory.Figure]) error {
		f := inventory.Figure{Key: k, Source: c.t.Name(), Unit: trade.Unit(r.text("unit")), OnHand: at.number("onHand"), Allocated: at.number("allocated"), Inbound: at.number("inbound")}
		if into.OK && into.Value != f {
			return fault.New(fault.BadResponse, "two figures of %s at %s that differ", k.SKU, k.Node).From(c.t.Name())
		}
		into.Value, into.OK = f, true
		return nil
	})
}

// Arrivals reads what is expected. It may have the operation "arrivals", asked as "stock" is, whose rows have node, sku,
// quantity, due (a day) and, where known, reference. Without it nothing is told.
func (c *Client) Arrivals(ctx context.Context, keys []inventory.Key) ([]lookup.Result[[]inventory.Arrival], error) {
	if !c.Has("arrivals") {
		return make([]lookup.Result[[]inventory.Arrival], len(keys)), ctx.Err()
	}
	return perPlace(ctx, c, "arrivals", keys, func(_, at *row, _ inventory.Key, into *lookup.Result[[]inventory.Arrival]) error {
		due := at.day("due")
		if due == "" {
			at.unread("due", "day such as 2026-11-30")
		}
		if q := at.number("quantity"); q.IsPos() {
			into.OK, into.Value = true, append(into.Value, inventory.Arrival{Dated: trade.Dated{Date: due, Quantity: q}, Reference: at.text("reference")})
		}
		return nil
	})
}

// Lots reads what lies at nodes by lot. It may have the operation "lots", asked as "stock" is, whose rows have node, sku, number,
// quantity and, where known, unit, expires (a day) and blocked. Without it nothing is told.
func (c *Client) Lots(ctx context.Context, keys []inventory.Key) ([]lookup.Result[[]inventory.Lot], error) {
	if !c.Has("lots") {
		return make([]lookup.Result[[]inventory.Lot], len(keys)), ctx.Err()
	}
	return perPlace(ctx, c, "lots", keys, func(_, at *row, _ inventory.Key, into *lookup.Result[[]inventory.Lot]) error {
		if q := at.number("quantity"); q.IsPos() {
			into.OK, into.Value = true, append(into.Value, inventory.Lot{Number: at.text("number"), OnHand: trade.Quantity{Value: q, Unit: trade.Unit(at.text("unit"))}, Expires: at.day("expires"), Blocked: at.yes("blocked")})
		}
		return nil
	})
}

// perPlace puts a question about items at places, in parts of the operation's batch size. take reads one row, or one of
// those that it lists as its places, into what is answered of its key.
func perPlace[V any](ctx context.Context, c *Client, name string, keys []inventory.Key, take func(r, at *row, k inventory.Key, into *lookup.Result[V]) error) ([]lookup.Result[V], error) {
	out := make([]lookup.Result[V], len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	g := gridOf(keys)
	first := 0
	for part := range slices.Chunk(g.skus, c.batch(name)) {
		from := first
		first += len(part)
		fail := func(err error) {
			for i := range keys {
				if item := g.items[i]; item >= from && item < first {
					out[i] = lookup.Result[V]{Err: err}
				}
			}
		}
		rows, _, err := c.call(ctx, name, map[string]any{"keys": join(part), "nodes": join(g.nodes)}, len(part))
		if err != nil {
			fail(err)
			continue
		}
		var item int                   // of the record that is read
		figure := func(at *row) bool { //nolint:unparam // all of them are read
			i, wanted := g.key(item, trade.NodeID(at.text("node")))
			if !wanted || out[i].Err != nil {
				return true
			}
			if err := cmp.Or(take(at.top, at, keys[i], &out[i]), c.unreadable(at)); err != nil {
				out[i] = lookup.Result[V]{Err: err}
			}
			return true
		}
		for r := range rows.each() {
			sku := trade.SKU(r.text("sku"))
			if sku == "" {
				fail(c.aboutNothing(name))
			}
			n, asked := g.at[sku]
			if !asked {
				continue
			}
			item = n
			if r.op.cell("places") == nil {
				figure(r)
				continue
			}
			r.within(c, "places", "place", figure)
		}
	}
	for i, k := range keys {
		if first, _ := g.key(g.items[i], k.Node); first != i {
			out[i] = out[first]
		}
	}
	return out, ctx.Err()
}

// grid is keys by item and node.
type grid struct {
	skus  []trade.SKU
	nodes []trade.NodeID
	// at is where among skus an item is, items where that of each key is.
	at    map[trade.SKU]int
	items []int
	// keys are, by item and node, where among the keys the two are first, and -1 where they are not.
	keys []int
}

func gridOf(keys []inventory.Key) *grid {
	g := &grid{items: make([]int, len(keys))}
	for _, k := range keys {
		if !slices.Contains(g.nodes, k.Node) {
			g.nodes = append(g.nodes, k.Node)
		}
	}
	g.at = make(map[trade.SKU]int, len(keys)/len(g.nodes)+1)
	for i, k := range keys {
		if i > 0 && k.SKU == keys[i-1].SKU { // as they mostly are, one after the other
			g.items[i] = g.items[i-1]
			continue
		}
		item, known := g.at[k.SKU]
		if !known {
			item = len(g.skus)
			g.skus, g.at[k.SKU] = append(g.skus, k.SKU), item
		}
		g.items[i] = item
	}
	g.keys = slices.Repeat([]int{-1}, len(g.skus)*len(g.nodes))
	for i, k := range keys {
		if at := &g.keys[g.items[i]*len(g.nodes)+slices.Index(g.nodes, k.Node)]; *at < 0 {
			*at = i
		}
	}
	return g
}

// key is where among the keys an item at a node is, false when it is none of them.
func (g *grid) key(item int, node trade.NodeID) (int, bool) {
	n := slices.Index(g.nodes, node)
	if n < 0 {
		return 0, false
	}
	i := g.keys[item*len(g.nodes)+n]
	return i, i >= 0
}

// Release hands work over. It needs the operation "release", whose body is built from "work"
// and whose row has ref, and "reports".
func (c *Client) Release(ctx context.Context, w shipments.Work) (string, error) {
	rows, exists, err := c.call(ctx, "release", map[string]any{"work": plain(w)}, 1)
	if err != nil {
		return "", err
	}
	r := rows.first()
	if r == nil || r.text("ref") == "" {
		if exists {
			return "", fault.New(fault.Conflict, "work %s exists already", w.Number).From(c.t.Name())
		}
		return "", fault.New(fault.BadResponse, "the reply names no reference").From(c.t.Name())
	}
	return r.text("ref"), nil
}

// Reports reads the state of works. It needs the operation "reports" (number, ref, status, pick,
// reason, shipments) and the shapes "shipment" (ref, carrier, service, tracking, url, shippedAt,
// status, parts, scans), "part" (line, sku, quantity) and "scan" (status, code, at, location).
func (c *Client) Reports(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, shipments.Report], error) {
	return byKey(ctx, c, "reports", "number", numbers, func(r *row, into *shipments.Report) { *into = c.report(r) })
}

func (c *Client) report(r *row) shipments.Report {
	out := shipments.Report{
		Number: r.text("number"), Source: c.t.Name(), NodeRef: r.text("ref"), Status: shipments.WorkStatus(r.text("status")), Pick: shipments.PickStatus(r.text("pick")), Reason: r.text("reason"),
	}
	out.Shipments = c.shipments(r)
	return out
}

// Shipped needs the operation "shipped": by what channels call their orders, rows of order and shipments, with the
// shapes of "reports".
func (c *Client) Shipped(ctx context.Context, refs []string) (lookup.Answers[string, []shipments.ReportedShipment], error) {
	return byKey(ctx, c, "shipped", "order", refs, func(r *row, into *[]shipments.ReportedShipment) { *into = append(*into, c.shipments(r)...) })
}

func (c *Client) shipments(r *row) (out []shipments.ReportedShipment) {
	for s := range r.rows(c, "shipments", "shipment") {
		sh := shipments.ReportedShipment{Ref: s.text("ref"), Carrier: s.text("carrier"), Service: s.text("service"), TrackingNumber: s.text("tracking"), TrackingURL: s.text("url"), ShippedAt: s.time("shippedAt")}
		for p := range s.rows(c, "parts", "part") {
			if q := p.number("quantity"); q.IsPos() {
				line := p.number("line")
				n, _, _ := line.Int64(0)
				sh.Parts = append(sh.Parts, trade.Part{Line: int(n), SKU: trade.SKU(p.text("sku")), Quantity: q})
			}
		}
		if status := s.text("status"); status != "" { // where it is, without how it got there
			sh.Events = append(sh.Events, shipments.TrackingEvent{Status: shipments.Tracking(status), OccurredAt: sh.ShippedAt})
		}
		for e := range s.rows(c, "scans", "scan") {
			sh.Events = append(sh.Events, shipments.TrackingEvent{Status: shipments.Tracking(e.text("status")), RawCode: e.text("code"), OccurredAt: e.time("at"), Location: e.text("location")})
		}
		out = append(out, sh)
	}
	return out
}

// Recall needs the operation "recall", whose row has stopped.
func (c *Client) Recall(ctx context.Context, w shipments.Work) (bool, error) {
	rows, _, err := c.call(ctx, "recall", map[string]any{"work": plain(w)}, 1)
	if err != nil {
		return false, err
	}
	r := rows.first()
	return r != nil && r.yes("stopped"), nil
}

// Expect announces a return. It needs the operation "expect", whose body is built from "goods"
// and whose row has ref, and "receipts".
func (c *Client) Expect(ctx context.Context, r returns.Return) (string, error) {
	rows, _, err := c.call(ctx, "expect", map[string]any{"goods": plain(r)}, 1)
	if err != nil {
		return "", err
	}
	reply := rows.first()
	if reply == nil || reply.text("ref") == "" {
		return "", fault.New(fault.BadResponse, "the reply names no reference").From(c.t.Name())
	}
	return reply.text("ref"), nil
}

// Receipts reads what came back. It needs the operation "receipts" (number, ref, done, units)
// and the shape "unit" (sku, quantity, disposition).
func (c *Client) Receipts(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, returns.Receipt], error) {
	return byKey(ctx, c, "receipts", "number", numbers, func(r *row, into *returns.Receipt) {
		rec := returns.Receipt{Number: r.text("number"), Source: c.t.Name(), Ref: r.text("ref"), Done: r.yes("done")}
		for u := range r.rows(c, "units", "unit") {
			rec.Units = append(rec.Units, returns.Unit{SKU: trade.SKU(u.text("sku")), Quantity: u.number("quantity"), Disposition: returns.Disposition(u.text("disposition"))})
		}
		*into = rec
	})
}
