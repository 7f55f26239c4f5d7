// Package shipbob hands work to ShipBob through its REST API, version 2026-01.
//
// Limits of the product: 150 requests a minute per user and application over a sliding window;
// 250 orders a page.
//
// Quirks:
//   - reference_id with the channel is the idempotency key: a duplicate is 422 with a text that
//     is not published, so a 422 is confirmed by looking the reference up.
//   - Cancelling answers 200 with a status in the body that may say Failure.
//   - "Completed" means that a shipment has left; delivered is status detail 203.
//   - A refused call says how long to wait in x-retry-after.
//   - Stock is by inventory id, not by SKU: the ids are learned from the list of levels. A node
//     is a fulfilment centre's id.
//   - A webhook is a hint: its body's form is not published, so the order is read back.
package shipbob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

var (
	_ inventory.Source    = (*Client)(nil)
	_ shipments.Fulfiller = (*Client)(nil)
	_ returns.Receiver    = (*Client)(nil)
)

// Config says how to reach an account at ShipBob.
type Config struct {
	// Token is a personal access token.
	Token string
	// Channel is the id of the channel that orders are placed through.
	Channel string
	// ShippingMethod is the method of new orders; "Standard".
	ShippingMethod string
	Timeout        time.Duration
}

// Client is one account at ShipBob.
type Client struct {
	cfg Config
	t   *transport.Client

	mu  sync.Mutex
	ids map[trade.SKU]int64
}

const version = "/2026-01"

// New returns a client of the API at base, without its version. It opens no connection.
func New(name, base string, cfg Config) (*Client, error) {
	if cfg.Channel == "" {
		return nil, fault.New(fault.Invalid, "source %s: channel is empty; give the id of the channel with write rights that GET /channel lists", name)
	}
	if cfg.ShippingMethod == "" {
		cfg.ShippingMethod = "Standard"
	}
	t, err := transport.New(name, base, transport.Config{
		Timeout: cfg.Timeout, Concurrent: 8,
		Authorize: func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+cfg.Token)
			r.Header["shipbob_channel_id"] = []string{cfg.Channel}
			return nil
		},
		Throttled: func(res *transport.Response) (time.Duration, bool) {
			seconds, err := strconv.Atoi(res.Header.Get("x-retry-after"))
			if err != nil {
				seconds = 1
			}
			return time.Duration(seconds) * time.Second, res.Status == http.StatusTooManyRequests
		},
	})
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, t: t}, nil
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.t }

func (c *Client) call(ctx context.Context, r transport.Request, want int, out any) error {
	r.Path = version + r.Path
	res, err := c.t.Do(ctx, r)
	if err != nil {
		return err
	}
	if res.Status != want {
		return refusal(res).From(c.t.Name())
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(res.Body, out); err != nil {
		return fault.Wrap(fault.BadResponse, err, "a reply that cannot be read").From(c.t.Name())
	}
	return nil
}

func refusal(res *transport.Response) *fault.Error {
	kind := fault.Invalid
	switch {
	case res.Status == http.StatusNotFound:
		kind = fault.NotFound
	case res.Status == http.StatusUnprocessableEntity:
		kind = fault.Conflict
	case res.Status == http.StatusUnauthorized, res.Status == http.StatusForbidden:
		kind = fault.Denied
	case res.Status >= 500:
		kind = fault.Unavailable
	case res.Status < 400:
		kind = fault.BadResponse
	}
	return fault.New(kind, "ShipBob answered %d: %s", res.Status, messages(res.Body))
}

// messages reads the map of field to messages that ShipBob answers refusals with.
func messages(body []byte) string {
	var byField map[string][]string
	if json.Unmarshal(body, &byField) != nil {
		return "no reason given"
	}
	var out []string
	for field, list := range byField {
		out = append(out, strings.TrimSpace(field+" "+strings.Join(list, ", ")))
	}
	slices.Sort(out)
	text := strings.Join(out, "; ")
	return text[:min(len(text), 300)]
}

// inventoryIDs returns the ids of the SKUs, learning them all when one is not known yet.
func (c *Client) inventoryIDs(ctx context.Context, skus []trade.SKU) (map[trade.SKU]int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.ids != nil
	for _, sku := range skus {
		_, ok := c.ids[sku]
		known = known && ok
	}
	if known {
		return c.ids, nil
	}
	if len(c.ids) > 0 && !slices.ContainsFunc(skus, func(s trade.SKU) bool { _, ok := c.ids[s]; return ok }) {
		return c.ids, nil
	}
	ids := map[trade.SKU]int64{}
	path, q := "/inventory-level", url.Values{"PageSize": {"250"}}
	for range maxPages {
		var page struct {
			Items []struct {
				ID  int64  `json:"inventory_id"`
				SKU string `json:"sku"`
			} `json:"items"`
			Next *string `json:"next"`
		}
		if err := c.call(ctx, transport.Request{Operation: "inventory ids", Method: http.MethodGet, Path: path, Query: q, Read: true}, http.StatusOK, &page); err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			ids[trade.SKU(i.SKU)] = i.ID
		}
		if page.Next == nil || *page.Next == "" {
			c.ids = ids
			return ids, nil
		}
		next, err := url.Parse(*page.Next)
		if err != nil || !strings.HasPrefix(next.Path, version+"/") {
			return nil, fault.New(fault.BadResponse, "a next page that cannot be read").From(c.t.Name())
		}
		path, q = strings.TrimPrefix(next.Path, version), next.Query()
	}
	return nil, fault.New(fault.BadResponse, "a list of more than %d pages", maxPages).From(c.t.Name())
}

// maxPages bounds a list that does not end.
const maxPages = 1000

// Learn reads the inventory ids ahead of the first question.
func (c *Client) Learn(ctx context.Context) error {
	_, err := c.inventoryIDs(ctx, []trade.SKU{""})
	return err
}

// Stock reads levels by fulfilment centre, 100 items a call.
func (c *Client) Stock(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, inventory.Figure], error) {
	out := lookup.Empty[inventory.Key, inventory.Figure](len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	fail := func(err error) (lookup.Answers[inventory.Key, inventory.Figure], error) {
		for _, k := range keys {
			if _, ok := out.Found[k]; !ok {
				out.Failed[k] = err
			}
		}
		return out, ctx.Err()
	}
	var skus []trade.SKU
	nodes := map[int64]trade.NodeID{}
	for _, k := range keys {
		skus = append(skus, k.SKU)
		if id, err := strconv.ParseInt(string(k.Node), 10, 64); err == nil {
			nodes[id] = k.Node
		}
	}
	skus = lookup.Unique(skus)
	known, err := c.inventoryIDs(ctx, skus)
	if err != nil {
		return fail(err)
	}
	var ids []string
	for _, sku := range skus {
		if id, ok := known[sku]; ok {
			ids = append(ids, strconv.FormatInt(id, 10))
		}
	}
	for len(ids) > 0 {
		n := min(len(ids), 100)
		var page struct {
			Items []struct {
				SKU       string `json:"sku"`
				Locations []struct {
					ID        int64       `json:"location_id"`
					OnHand    json.Number `json:"on_hand_quantity"`
					Committed json.Number `json:"committed_quantity"`
					Awaiting  json.Number `json:"awaiting_quantity"`
				} `json:"locations"`
			} `json:"items"`
		}
		q := url.Values{"InventoryIds": {strings.Join(ids[:n], ",")}, "PageSize": {"100"}}
		if err := c.call(ctx, transport.Request{Operation: "stock", Method: http.MethodGet, Path: "/inventory-level/locations", Query: q, Keys: n, Read: true}, http.StatusOK, &page); err != nil {
			return fail(err)
		}
		for _, i := range page.Items {
			for _, l := range i.Locations {
				node, ok := nodes[l.ID]
				if !ok {
					continue
				}
				k := inventory.Key{Node: node, SKU: trade.SKU(i.SKU)}
				out.Found[k] = inventory.Figure{Key: k, Source: c.t.Name(), OnHand: amount(l.OnHand), Allocated: amount(l.Committed), Inbound: amount(l.Awaiting)}
			}
		}
		ids = ids[n:]
	}
	return out, ctx.Err()
}

func amount(n json.Number) trade.Decimal {
	d, err := trade.ParseDecimal(string(n))
	if err != nil {
		return trade.Decimal{}
	}
	return d
}

type address struct {
	Address1    string `json:"address1"`
	Address2    string `json:"address2,omitempty"`
	CompanyName string `json:"company_name,omitempty"`
	City        string `json:"city"`
	State       string `json:"state,omitempty"`
	Country     string `json:"country"`
	ZipCode     string `json:"zip_code,omitempty"`
}

type product struct {
	ReferenceID    string      `json:"reference_id"`
	Name           string      `json:"name"`
	Quantity       json.Number `json:"quantity"`
	SKU            string      `json:"sku,omitempty"`
	ExternalLineID int         `json:"external_line_id,omitempty"`
}

type newOrder struct {
	ReferenceID    string      `json:"reference_id"`
	OrderNumber    string      `json:"order_number"`
	ShippingMethod string      `json:"shipping_method"`
	Type           string      `json:"type"`
	LocationID     json.Number `json:"location_id,omitempty"`
	Recipient      recipient   `json:"recipient"`
	Products       []product   `json:"products"`
}

type recipient struct {
	Name    string  `json:"name"`
	Address address `json:"address"`
	Email   string  `json:"email,omitempty"`
}

type order struct {
	ID          int64      `json:"id"`
	ReferenceID string     `json:"reference_id"`
	Status      string     `json:"status"`
	Products    []product  `json:"products"`
	Shipments   []shipment `json:"shipments"`
}

type shipment struct {
	ID      int64  `json:"id"`
	Status  string `json:"status"`
	Details []struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	} `json:"status_details"`
	Updated  *time.Time `json:"last_update_at"`
	Shipped  *time.Time `json:"actual_fulfillment_date"`
	Delivery *time.Time `json:"delivery_date"`
	Tracking *struct {
		Carrier string     `json:"carrier"`
		Service string     `json:"carrier_service"`
		Number  string     `json:"tracking_number"`
		URL     string     `json:"tracking_url"`
		Date    *time.Time `json:"shipping_date"`
	} `json:"tracking"`
	Location *struct {
		Name string `json:"name"`
	} `json:"location"`
	Products []struct {
		ReferenceID string `json:"reference_id"`
		SKU         string `json:"sku"`
		Items       []struct {
			Quantity json.Number `json:"quantity"`
		} `json:"inventory_items"`
	} `json:"products"`
}

// Release places an order under the work's number.
func (c *Client) Release(ctx context.Context, w shipments.Work) (string, error) {
	in := newOrder{
		ReferenceID: w.Number, OrderNumber: w.OrderNumber, ShippingMethod: c.cfg.ShippingMethod, Type: "DropShip", LocationID: json.Number(w.Node),
		Recipient: recipient{Name: w.ShipTo.Name, Email: w.ShipTo.Email, Address: address{Address1: w.ShipTo.Line1, Address2: w.ShipTo.Line2, City: w.ShipTo.City, State: w.ShipTo.Region, Country: w.ShipTo.Country, ZipCode: w.ShipTo.PostalCode}},
	}
	for _, p := range w.Parts {
		in.Products = append(in.Products, product{ReferenceID: string(p.SKU), Name: string(p.SKU), SKU: string(p.SKU), Quantity: json.Number(p.Quantity.String()), ExternalLineID: p.Line})
	}
	body, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("work %s: %w", w.Number, err)
	}
	var out order
	if err := c.call(ctx, transport.Request{Operation: "release", Method: http.MethodPost, Path: "/order", Body: body, Keys: 1}, http.StatusCreated, &out); err != nil {
		if fault.KindOf(err) != fault.Conflict {
			return "", err
		}
		// A 422 may be a duplicate: what counts is whether the reference is there.
		found, e := c.orders(ctx, []string{w.Number})
		if e != nil || len(found) == 0 {
			return "", errors.Join(err, e)
		}
		return strconv.FormatInt(found[0].ID, 10), nil
	}
	return strconv.FormatInt(out.ID, 10), nil
}

// orders reads orders by reference and keeps only those asked for.
func (c *Client) orders(ctx context.Context, numbers []string) ([]order, error) {
	var list []order
	q := url.Values{"ReferenceIds": {strings.Join(numbers, ",")}, "Limit": {"250"}, "Page": {"1"}}
	if err := c.call(ctx, transport.Request{Operation: "reports", Method: http.MethodGet, Path: "/order", Query: q, Keys: len(numbers), Read: true}, http.StatusOK, &list); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(o order) bool { return !slices.Contains(numbers, o.ReferenceID) }), nil
}

// Reports reads the state of works, 50 a call.
func (c *Client) Reports(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, shipments.Report], error) {
	numbers = lookup.Unique(numbers)
	out := lookup.Empty[string, shipments.Report](len(numbers))
	for len(numbers) > 0 {
		part := numbers[:min(50, len(numbers))]
		numbers = numbers[len(part):]
		list, err := c.orders(ctx, part)
		if err != nil {
			for _, n := range part {
				out.Failed[n] = err
			}
			continue
		}
		for _, o := range list {
			out.Found[o.ReferenceID] = c.report(o)
		}
	}
	return out, ctx.Err()
}

// The status details that say how far a shipment is (developer.shipbob.com status reference).
const (
	detailPicked, detailPacked, detailLabeled                                 = 100, 101, 102
	detailWaiting, detailTransit, detailOut, detailDelivered, detailException = 200, 201, 202, 203, 204
)

func (c *Client) report(o order) shipments.Report {
	r := shipments.Report{Number: o.ReferenceID, Source: c.t.Name(), NodeRef: strconv.FormatInt(o.ID, 10), Pick: shipments.NotStarted}
	switch o.Status {
	case "Cancelled":
		r.Status = shipments.Cancelled
	case "Fulfilled":
		r.Status = shipments.Shipped
	case "PartiallyFulfilled":
		r.Status = shipments.Incomplete
		r.Reason = "not everything could be sent"
		for _, s := range o.Shipments {
			if s.Status != "Completed" && s.Status != "Cancelled" {
				r.Status = shipments.InProgress // more is to come
			}
		}
	case "Exception":
		// It may still ship once ShipBob has settled it: not the end, and a reason to ask elsewhere.
		r.Status = shipments.InProgress
		r.Reason = reason(o)
	default:
		r.Status = shipments.InProgress
	}
	for _, s := range o.Shipments {
		for _, d := range s.Details {
			switch d.ID {
			case detailPicked:
				r.Pick = shipments.Picked
			case detailPacked, detailLabeled:
				r.Pick = shipments.Packed
			}
		}
		if s.Status == "Completed" {
			r.Pick = shipments.Packed
			r.Shipments = append(r.Shipments, s.report())
		}
	}
	return r
}

func reason(o order) string {
	for _, s := range o.Shipments {
		for _, d := range s.Details {
			return d.Name
		}
	}
	return "exception"
}

func (s shipment) report() shipments.ReportedShipment {
	out := shipments.ReportedShipment{Ref: strconv.FormatInt(s.ID, 10)}
	if s.Shipped != nil {
		out.ShippedAt = *s.Shipped
	}
	if t := s.Tracking; t != nil {
		out.Carrier, out.Service, out.TrackingNumber, out.TrackingURL = t.Carrier, t.Service, t.Number, t.URL
	}
	for _, p := range s.Products {
		q := trade.Decimal{}
		for _, i := range p.Items {
			q = trade.Sum(q, amount(i.Quantity))
		}
		if q.IsPos() {
			out.Parts = append(out.Parts, trade.Part{SKU: trade.SKU(p.ReferenceID), Quantity: q})
		}
	}
	at := out.ShippedAt
	if s.Updated != nil {
		at = *s.Updated
	}
	place := ""
	if s.Location != nil {
		place = s.Location.Name
	}
	for _, d := range s.Details {
		e := shipments.TrackingEvent{RawCode: strconv.Itoa(d.ID), Message: d.Name, OccurredAt: at, Location: place}
		switch d.ID {
		case detailWaiting:
			e.Status, e.OccurredAt = shipments.LabelCreated, out.ShippedAt
		case detailTransit:
			e.Status = shipments.InTransit
		case detailOut:
			e.Status = shipments.OutForDelivery
		case detailDelivered:
			e.Status = shipments.Delivered
			if s.Delivery != nil {
				e.OccurredAt = *s.Delivery
			}
		case detailException:
			e.Status = shipments.Delayed
		default:
			continue
		}
		out.Events = append(out.Events, e)
	}
	return out
}

// Recall cancels the order. ShipBob answers 200 also when it could not.
func (c *Client) Recall(ctx context.Context, w shipments.Work) (bool, error) {
	var out struct {
		Status string `json:"status"`
	}
	err := c.call(ctx, transport.Request{Operation: "recall", Method: http.MethodPost, Path: "/order/" + url.PathEscape(w.NodeRef) + ":cancel", Keys: 1}, http.StatusOK, &out)
	if fault.KindOf(err) == fault.Conflict {
		return false, nil
	}
	return out.Status == "Success", err
}

type newReturn struct {
	ReferenceID string `json:"reference_id"`
	Center      struct {
		ID json.Number `json:"id"`
	} `json:"fulfillment_center"`
	Inventory []returnItem `json:"inventory"`
}

type returnItem struct {
	ID              int64       `json:"id"`
	Quantity        json.Number `json:"quantity"`
	RequestedAction string      `json:"requested_action"`
}

type goodsReturn struct {
	ID          int64  `json:"id"`
	ReferenceID string `json:"reference_id"`
	Status      string `json:"status"`
	Inventory   []struct {
		SKU   string `json:"sku"`
		Taken []struct {
			Action   string      `json:"action"`
			Quantity json.Number `json:"quantity_processed"`
		} `json:"action_taken"`
	} `json:"inventory"`
}

// Expect announces a return under its number.
func (c *Client) Expect(ctx context.Context, r returns.Return) (string, error) {
	in := newReturn{ReferenceID: r.Number}
	in.Center.ID = json.Number(r.Node)
	skus := make([]trade.SKU, 0, len(r.Lines))
	for _, l := range r.Lines {
		skus = append(skus, l.SKU)
	}
	ids, err := c.inventoryIDs(ctx, skus)
	if err != nil {
		return "", err
	}
	for _, l := range r.Lines {
		id, ok := ids[l.SKU]
		if !ok {
			return "", fault.New(fault.Invalid, "ShipBob does not know item %s", l.SKU).From(c.t.Name())
		}
		in.Inventory = append(in.Inventory, returnItem{ID: id, Quantity: json.Number(l.Authorized.String()), RequestedAction: "Default"})
	}
	body, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("return %s: %w", r.Number, err)
	}
	var out goodsReturn
	err = c.call(ctx, transport.Request{Operation: "expect return", Method: http.MethodPost, Path: "/return", Body: body, Keys: 1}, http.StatusCreated, &out)
	return strconv.FormatInt(out.ID, 10), err
}

// Receipts reads what came of returns. Statuses may be spelt with blanks.
func (c *Client) Receipts(ctx context.Context, _ trade.NodeID, numbers []string) (lookup.Answers[string, returns.Receipt], error) {
	numbers = lookup.Unique(numbers)
	out := lookup.Empty[string, returns.Receipt](len(numbers))
	if len(numbers) == 0 {
		return out, ctx.Err()
	}
	var page struct {
		Items []goodsReturn `json:"items"`
	}
	q := url.Values{"ReferenceIds": {strings.Join(numbers, ",")}, "Limit": {"250"}}
	if err := c.call(ctx, transport.Request{Operation: "receipts", Method: http.MethodGet, Path: "/return", Query: q, Keys: len(numbers), Read: true}, http.StatusOK, &page); err != nil {
		for _, n := range numbers {
			out.Failed[n] = err
		}
		return out, ctx.Err()
	}
	for _, g := range page.Items {
		if !slices.Contains(numbers, g.ReferenceID) {
			continue
		}
		rec := returns.Receipt{Number: g.ReferenceID, Source: c.t.Name(), Ref: strconv.FormatInt(g.ID, 10), Done: strings.ReplaceAll(g.Status, " ", "") == "Completed"}
		for _, i := range g.Inventory {
			for _, a := range i.Taken {
				d := map[string]returns.Disposition{"Restock": returns.Restock, "Dispose": returns.Scrap}[a.Action]
				if d == "" {
					d = returns.Quarantine
				}
				rec.Units = append(rec.Units, returns.Unit{SKU: trade.SKU(i.SKU), Quantity: amount(a.Quantity), Disposition: d})
			}
		}
		out.Found[g.ReferenceID] = rec
	}
	return out, ctx.Err()
}
