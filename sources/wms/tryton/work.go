package tryton

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/sources/trytonrpc"
)

var _ shipments.Fulfiller = (*Client)(nil)

// Release makes a shipment under the work's number and hands it to the warehouse.
func (c *Client) Release(ctx context.Context, w shipments.Work) (string, error) {
	h, err := c.where(ctx)
	if err != nil {
		return "", err
	}
	at, err := c.at(h, w.Node)
	if err != nil {
		return "", err
	}
	body := func() (map[string]any, error) {
		moves, err := c.moves(ctx, h, at.Output, h.customers, w.Parts)
		if err != nil {
			return nil, err
		}
		out, err := c.addressed(ctx, h, w.Account, w.ShipTo)
		if err != nil {
			return nil, err
		}
		out["reference"], out["warehouse"], out["company"], out["outgoing_moves"] = w.Number, at.ID, h.ID, moves
		if on, err := time.Parse(time.DateOnly, string(w.RequestedDate)); err == nil {
			out["planned_date"] = trytonrpc.Day(on)
		}
		return out, nil
	}
	for range maxRounds {
		d, err := c.once(ctx, h, outgoing(), w.Number, body)
		if err != nil {
			return "", err
		}
		if !d.made(c.rpc.User()) {
			return d.Number, nil
		}
		if err := c.unchanged(ctx, h, outgoing(), "wait", []document{d}); err != nil && !overtaken(err) {
			return "", err
		}
	}
	return "", fault.New(fault.Conflict, "shipment %s stays a draft", w.Number).From(c.rpc.Name())
}

// moves is the body of moves of goods from one place to another, in the units that the items are kept in.
func (c *Client) moves(ctx context.Context, h *home, from, to int, goods []trade.Part) ([]any, error) {
	skus := make([]trade.SKU, len(goods))
	for i, g := range goods {
		skus[i] = g.SKU
	}
	type product struct {
		ID   int    `json:"id"`
		Code string `json:"code"`
		Unit int    `json:"default_uom"`
	}
	products, err := trytonrpc.ByKeys[product](ctx, c.rpc, h.Company, "items", "product.product", "code", lookup.Unique(skus), []string{"code", "default_uom"}, nil)
	if err != nil {
		return nil, err
	}
	known := map[trade.SKU]product{}
	for _, p := range products {
		known[trade.SKU(p.Code)] = p
	}
	made := make([]any, len(goods))
	for i, g := range goods {
		p, ok := known[g.SKU]
		if !ok {
			return nil, fault.New(fault.Invalid, "the warehouse does not know item %s", g.SKU).From(c.rpc.Name())
		}
		made[i] = map[string]any{
			"product": p.ID, "uom": p.Unit, "quantity": trytonrpc.Float(g.Quantity), "from_location": from, "to_location": to, "company": h.ID,
			// The product wants a price of what goes to customers; the books are elsewhere.
			"unit_price": trytonrpc.Exact(trade.Decimal{}), "currency": h.Currency,
		}
	}
	return []any{[]any{"create", made}}, nil
}

// addressed is the customer and the address of a shipment, any of the customer's when none is given.
// Customers are kept by our account, and made when they are not known.
func (c *Client) addressed(ctx context.Context, h *home, account trade.AccountID, to trade.Address) (map[string]any, error) {
	for range 2 {
		list, err := trytonrpc.ByKeys[trytonrpc.Party](ctx, c.rpc, h.Company, "customer", "party.party", "code", []trade.AccountID{account}, trytonrpc.PartyFields(), nil)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 && to.Line1 == "" && len(list[0].Addresses) > 0 {
			return map[string]any{"customer": list[0].ID, "delivery_address": list[0].Addresses[0].ID}, nil
		}
		if len(list) > 0 {
			address, err := c.rpc.AddressOf(ctx, h.Company, list[0], to)
			return map[string]any{"customer": list[0].ID, "delivery_address": address}, err
		}
		_, err = c.rpc.Create(ctx, h.Company, "customer", "party.party", map[string]any{"code": account, "name": to.Name})
		if err != nil && fault.KindOf(err) != fault.Conflict { // somebody else has just made it
			return nil, err
		}
	}
	return nil, fault.New(fault.Conflict, "customer %s is not there after it was made", account).From(c.rpc.Name())
}

type movement struct {
	State    string           `json:"state"`
	Quantity json.Number      `json:"internal_quantity"`
	Product  *trytonrpc.Coded `json:"product."`
	Package  *int             `json:"package"`
	To       *struct {
		Type string `json:"type"`
		Code string `json:"code"`
	} `json:"to_location."`
}

type shipment struct {
	document
	Moves    []movement `json:"outgoing_moves."`
	Carrier  *carrier   `json:"carrier."`
	Packages []parcel   `json:"packages."`
}

type carrier struct {
	Party *trytonrpc.Named `json:"party."`
}

func (c *carrier) name() string {
	if c == nil {
		return ""
	}
	return c.Party.Text()
}

type parcel struct {
	ID       int    `json:"id"`
	Code     string `json:"code"`
	Parent   *int   `json:"parent"`
	Tracking string `json:"shipping_reference"`
	URL      string `json:"shipping_tracking_url"`
}

func shipmentFields() []string {
	return append(documentFields(), "outgoing_moves.state", "outgoing_moves.internal_quantity", "outgoing_moves.product.code", "outgoing_moves.package",
		"carrier.party.name", "packages.code", "packages.parent", "packages.shipping_reference", "packages.shipping_tracking_url")
}

// Reports reads the state of works. A draft that was only made is none yet, whatever became of others like it.
func (c *Client) Reports(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, shipments.Report], error) {
	return byReference(ctx, c, "reports", outgoing(), shipmentFields(), numbers, func(number string, list []shipment) (shipments.Report, bool) {
		n := len(list)
		list = slices.DeleteFunc(list, func(s shipment) bool { return s.made(c.rpc.User()) })
		stopped := !slices.ContainsFunc(list, func(s shipment) bool { return s.State != cancelled })
		if stopped && len(list) < n {
			return shipments.Report{}, false
		}
		return c.report(number, list), true
	})
}

// byReference reads documents by reference and makes one answer of those that share one, or none.
func byReference[D interface{ same() document }, V any](ctx context.Context, c *Client, operation string, k kind, fields, numbers []string, answer func(number string, list []D) (V, bool)) (lookup.Answers[string, V], error) {
	numbers = lookup.Unique(numbers)
	out := lookup.Empty[string, V](len(numbers))
	if len(numbers) == 0 {
		return out, ctx.Err()
	}
	h, err := c.where(ctx)
	if err != nil {
		return lookup.AllFailed[string, V](numbers, err), ctx.Err()
	}
	list, err := trytonrpc.ByKeys[D](ctx, c.rpc, h.Company, operation, k.model, "reference", numbers, fields, nil)
	if err != nil {
		return lookup.AllFailed[string, V](numbers, err), ctx.Err()
	}
	groups := map[string][]D{}
	for _, d := range list {
		groups[d.same().Reference] = append(groups[d.same().Reference], d)
	}
	for _, n := range numbers {
		if len(groups[n]) == 0 {
			continue
		}
		if v, ok := answer(n, groups[n]); ok {
			out.Found[n] = v
		}
	}
	return out, ctx.Err()
}

// report tells the state of the shipments of one number as one: people may have split it.
func (c *Client) report(number string, list []shipment) shipments.Report {
	slices.SortFunc(list, func(a, b shipment) int { return a.ID - b.ID })
	all := make([]document, len(list))
	open, sent := 0, 0
	r := shipments.Report{Number: number, Source: c.rpc.Name(), Pick: shipments.NotStarted}
	for i, s := range list {
		all[i] = s.document
		switch s.State {
		case done:
			sent++
			r.Shipments = append(r.Shipments, s.reported()...)
		case cancelled:
		default:
			open++
		}
	}
	first := outgoing().furthest(all)
	r.NodeRef = first.Number
	switch first.State {
	case "assigned":
		r.Pick = shipments.Picking
	case "picked":
		r.Pick = shipments.Picked
	case "packed", done:
		r.Pick = shipments.Packed
	}
	switch {
	case open > 0 && r.Pick == shipments.NotStarted:
		r.Status = shipments.Open
	case open > 0:
		r.Status = shipments.InProgress
	case sent == 0:
		r.Status = shipments.Cancelled
	default:
		// Whether that is all of what was asked for, whoever asked knows.
		r.Status, r.Reason = shipments.Shipped, "less was sent than was asked for"
	}
	return r
}

// reported is what left by a shipment: a parcel of each of its packages that holds goods, and one more of
// what is in none.
func (s shipment) reported() []shipments.ReportedShipment {
	parts := map[int][]trade.Part{}
	for _, m := range s.Moves {
		if q := trytonrpc.Quantity(m.Quantity); m.State == done && q.IsPos() {
			in := 0
			if m.Package != nil {
				in = *m.Package
			}
			parts[in] = append(parts[in], trade.Part{SKU: trade.SKU(m.Product.Text()), Quantity: q})
		}
	}
	var out []shipments.ReportedShipment
	add := func(ref, tracking, url string, goods []trade.Part) {
		if len(goods) > 0 {
			out = append(out, shipments.ReportedShipment{Ref: ref, Carrier: s.Carrier.name(), TrackingNumber: tracking, TrackingURL: url, ShippedAt: s.Modified(), Parts: goods})
		}
	}
	add(s.Number, "", "", parts[0])
	for _, p := range s.Packages {
		tracking, url := s.tracked(p)
		add(s.Number+"/"+p.Code, tracking, url, parts[p.ID])
	}
	return out
}

// tracked is the tracking number of a package, or of the one that it is in.
func (s shipment) tracked(p parcel) (number, url string) {
	for range s.Packages {
		if p.Tracking != "" || p.Parent == nil {
			break
		}
		i := slices.IndexFunc(s.Packages, func(o parcel) bool { return o.ID == *p.Parent })
		if i < 0 {
			break
		}
		p = s.Packages[i]
	}
	return p.Tracking, p.URL
}

// Recall cancels the work, unless something of it is picked already.
func (c *Client) Recall(ctx context.Context, w shipments.Work) (bool, error) {
	h, err := c.where(ctx)
	if err != nil {
		return false, err
	}
	for range maxRounds {
		list, err := c.documents(ctx, h, outgoing(), w.Number)
		if err != nil {
			return false, err
		}
		if len(list) == 0 {
			return false, fault.New(fault.NotFound, "no shipment of %s", w.Number).From(c.rpc.Name())
		}
		var open []document
		for _, d := range list {
			switch d.State {
			case draft, "waiting", "assigned":
				open = append(open, d)
			case cancelled:
			default:
				return false, nil
			}
		}
		if len(open) == 0 {
			return true, nil
		}
		if err := c.unchanged(ctx, h, outgoing(), "cancel", open); err != nil && !overtaken(err) {
			return false, err
		}
	}
	return false, fault.New(fault.Unavailable, "others keep changing %s", w.Number).From(c.rpc.Name())
}
