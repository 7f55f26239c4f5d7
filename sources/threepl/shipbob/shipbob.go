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
	"sync/atomic"
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
	_ inventory.LotSource = (*Client)(nil)
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
	// Policy bounds how it is called; eight at a time, and as many a minute as the product takes.
	Policy transport.Policy
}

// Client is one account at ShipBob.
type Client struct {
	cfg Config
	t   *transport.Client

	// learning is held by whoever reads the ids; known is what the last reading told.
	learning chan struct{}
	known    atomic.Pointer[index]
}

// index is what ShipBob calls items.
type index struct {
	ids map[trade.SKU]int64
	at  time.Time
}

// has reports whether the index answers for all items: it knows them, or is young enough to say that
// ShipBob does not have them.
func (x *index) has(skus []trade.SKU) bool {
	if x == nil {
		return false
	}
	return time.Since(x.at) < relearn || !slices.ContainsFunc(skus, func(s trade.SKU) bool { _, ok := x.ids[s]; return !ok })
}

// relearn is how long an item that ShipBob does not list is taken for one that it does not have.
const relearn = 5 * time.Minute

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
		Policy: cfg.Policy.Or(transport.Policy{Concurrent: 8, Rate: transport.Rate{Calls: 150, Per: time.Minute}}),
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
	return &Client{cfg: cfg, t: t, learning: make(chan struct{}, 1)}, nil
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.t }

func (c *Client) call(ctx context.Context, r transport.Request, want int, out any) error {
	r.Path = version + r.Path
	r.Decode = func(res *transport.Response) error {
		if res.Status != want {
			return refusal(res)
		}
		if out == nil {
			return nil
		}
		return transport.JSON(res.Body, out)
	}
	_, err := c.t.Do(ctx, r)
	return err
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

// messages reads why ShipBob refuses: a map of field to messages for orders, a message with errors
// for returns, a title with details for inventory.
func messages(body []byte) string {
	var byField map[string]any
	if json.Unmarshal(body, &byField) != nil {
		return "no reason given"
	}
	var out []string
	for field, v := range byField {
		switch x := v.(type) {
		case []any:
			for _, m := range x {
				out = append(out, strings.TrimSpace(field+" "+fmt.Sprint(m)))
			}
		case string:
			if field == "message" || field == "title" || field == "detail" {
				out = append(out, x)
			}
		}
	}
	if len(out) == 0 {
		return "no reason given"
	}
	slices.Sort(out)
	text := strings.Join(out, "; ")
	return text[:min(len(text), 300)]
}

// inventoryIDs returns the ids of the SKUs. They are learned together, and again after a while when one
// is not among them.
func (c *Client) inventoryIDs(ctx context.Context, skus []trade.SKU) (map[trade.SKU]int64, error) {
	if x := c.known.Load(); x.has(skus) {
		return x.ids, nil
	}
	select {
	case c.learning <- struct{}{}:
		defer func() { <-c.learning }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if x := c.known.Load(); x.has(skus) {
		return x.ids, nil // somebody else has just learned them
	}
	x := &index{at: time.Now()}
	var err error
	if x.ids, err = c.list(ctx); err != nil {
		return nil, err
	}
	c.known.Store(x)
	return x.ids, nil
}

// page is a part of a list.
type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// Whole reports whether it is one: a page without entries has an empty list.
func (p *page[T]) Whole() bool { return p.Items != nil }

// list reads the ids of all items.
func (c *Client) list(ctx context.Context) (map[trade.SKU]int64, error) {
	ids := map[trade.SKU]int64{}
	path, q := "/inventory-level", url.Values{"PageSize": {"250"}}
	for range maxPages {
		var page page[struct {
			ID  int64  `json:"inventory_id"`
			SKU string `json:"sku"`
		}]
		if err := c.call(ctx, transport.Request{Operation: "inventory ids", Method: http.MethodGet, Path: path, Query: q, Read: true}, http.StatusOK, &page); err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			ids[trade.SKU(i.SKU)] = i.ID
		}
		if page.Next == nil || *page.Next == "" {
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

// level is an item's stock by fulfilment centre.
type level struct {
	SKU       string `json:"sku"`
	Locations []struct {
		ID        int64       `json:"location_id"`
		OnHand    json.Number `json:"on_hand_quantity"`
		Committed json.Number `json:"committed_quantity"`
		Awaiting  json.Number `json:"awaiting_quantity"`
	} `json:"locations"`
}

// Stock reads levels by fulfilment centre, 100 items a call.
func (c *Client) Stock(ctx context.Context, keys []inventory.Key) ([]lookup.Result[inventory.Figure], error) {
	return lookup.Ordered(c.stock)(ctx, keys)
}

func (c *Client) stock(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, inventory.Figure], error) {
	return levels(ctx, c, "stock", "/inventory-level/locations", keys, func(i level, nodes map[int64]trade.NodeID, out lookup.Answers[inventory.Key, inventory.Figure]) {
		for _, l := range i.Locations {
			node, ok := nodes[l.ID]
			if !ok {
				continue
			}
			k := inventory.Key{Node: node, SKU: trade.SKU(i.SKU)}
			f := inventory.Figure{Key: k, Source: c.t.Name()}
			var errs [3]error
			f.OnHand, errs[0] = trade.ParseDecimal(string(l.OnHand))
			f.Allocated, errs[1] = trade.ParseDecimal(string(l.Committed))
			f.Inbound, errs[2] = trade.ParseDecimal(string(l.Awaiting))
			if err := errors.Join(errs[:]...); err != nil {
				out.Failed[k] = fault.Wrap(fault.BadResponse, err, "a figure that is no number").From(c.t.Name())
				continue
			}
			out.Found[k] = f
		}
	})
}

// lotLevel is an item's stock by lot, and there by fulfilment centre. A lot's date is the day that it expires.
type lotLevel struct {
	SKU  string `json:"sku"`
	Lots []struct {
		Number    string `json:"lot_number"`
		Date      string `json:"lot_date"`
		Locations []struct {
			ID     int64       `json:"location_id"`
			OnHand json.Number `json:"on_hand_quantity"`
		} `json:"locations"`
	} `json:"lots"`
}

// Lots reads what lies at fulfilment centres by lot, 100 items a call.
func (c *Client) Lots(ctx context.Context, keys []inventory.Key) ([]lookup.Result[[]inventory.Lot], error) {
	return lookup.Ordered(c.lots)(ctx, keys)
}

func (c *Client) lots(ctx context.Context, keys []inventory.Key) (lookup.Answers[inventory.Key, []inventory.Lot], error) {
	return levels(ctx, c, "lots", "/inventory-level/lots", keys, func(i lotLevel, nodes map[int64]trade.NodeID, out lookup.Answers[inventory.Key, []inventory.Lot]) {
		for _, l := range i.Lots {
			for _, at := range l.Locations {
				node, ok := nodes[at.ID]
				if !ok {
					continue
				}
				k := inventory.Key{Node: node, SKU: trade.SKU(i.SKU)}
				q, err := trade.ParseDecimal(string(at.OnHand))
				day, _, _ := strings.Cut(l.Date, "T")
				if _, e := time.Parse(time.DateOnly, day); err != nil || day != "" && e != nil {
					out.Failed[k] = fault.New(fault.BadResponse, "lot %s has a quantity of %q and the day %q", l.Number, at.OnHand, l.Date).From(c.t.Name())
					continue
				}
				if q.IsPos() {
					out.Found[k] = append(out.Found[k], inventory.Lot{Number: l.Number, OnHand: trade.Quantity{Value: q}, Expires: trade.Date(day)})
				}
			}
		}
	})
}

// levels asks about items at fulfilment centres, 100 items a call. take reads what is said of one item.
func levels[I, V any](ctx context.Context, c *Client, operation, path string, keys []inventory.Key, take func(i I, nodes map[int64]trade.NodeID, out lookup.Answers[inventory.Key, V])) (lookup.Answers[inventory.Key, V], error) {
	out := lookup.Empty[inventory.Key, V](len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	fail := func(err error) (lookup.Answers[inventory.Key, V], error) {
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
		var page page[I]
		q := url.Values{"InventoryIds": {strings.Join(ids[:n], ",")}, "PageSize": {"100"}}
		if err := c.call(ctx, transport.Request{Operation: operation, Method: http.MethodGet, Path: path, Query: q, Keys: n, Read: true}, http.StatusOK, &page); err != nil {
			return fail(err)
		}
		for _, i := range page.Items {
			take(i, nodes, out)
		}
		ids = ids[n:]
	}
	return out, ctx.Err()
}

// amount is a number of units; one that is left out is none.
func amount(n json.Number) trade.Decimal {
	d, err := trade.ParseDecimal(string(n))
	if err != nil {
		return trade.Decimal{}
	}
	return d
}
