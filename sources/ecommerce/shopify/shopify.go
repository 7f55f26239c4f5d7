// Package shopify reads a Shopify store's orders and tells it what became of them, through the
// Admin GraphQL API, version 2026-04.
//
// Limits of the product: a query may cost 1,000 points, and its cost is drawn from a bucket that
// refills; the state of the bucket comes with every reply, and a refused call says THROTTLED and did
// nothing. Costs grow with what a query could return, so that orders are listed without their lines
// and then read a few at a time.
//
// Quirks:
//   - A webhook's body is REST-shaped with ids beyond 2^53: only admin_graphql_api_id is taken,
//     and the order is read back.
//   - fulfillmentCreate is not idempotent and takes fulfilment-order line ids; what is fulfilled
//     already is read first, by tracking number.
//   - orderUpdate replaces tags; tagsAdd adds them and may be repeated.
//   - Inventory mutations need @idempotent and an explicit changeFromQuantity.
package shopify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

// Config says how to reach a store.
type Config struct {
	// Token is an Admin API access token.
	Token string
	// Account is whom the ERP knows orders by that no company has placed. Where it is empty, each of them waits for
	// somebody to say.
	Account trade.AccountID
	// Location is the id of the location whose stock we set.
	Location string
	Policy   transport.Policy
}

// Client is one store.
type Client struct {
	cfg Config
	t   *transport.Client
}

const path = "/admin/api/2026-04/graphql.json"

// New returns a client of the store at base, such as https://name.myshopify.com. It opens no
// connection.
func New(name, base string, cfg Config) (*Client, error) {
	t, err := transport.New(name, base, transport.Config{Policy: cfg.Policy.Or(transport.Policy{Concurrent: 4}), Throttled: throttled, Budget: budget, Authorize: func(_ context.Context, r *http.Request) error {
		r.Header.Set("X-Shopify-Access-Token", cfg.Token)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, t: t}, nil
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.t }

// failure is one error of a reply.
type failure struct {
	Message    string
	Extensions struct{ Code string }
}

// cost is what a reply says of the points that Shopify counts calls in.
type cost struct {
	Requested float64 `json:"requestedQueryCost"`
	Throttle  struct {
		Max       float64 `json:"maximumAvailable"`
		Available float64 `json:"currentlyAvailable"`
		Restore   float64 `json:"restoreRate"`
	} `json:"throttleStatus"`
}

// throttled reads from a reply, which is a 200, how long the bucket takes to fill up for the query.
func throttled(res *transport.Response) (time.Duration, bool) {
	if wait, refused := transport.TooMany(res); refused {
		return wait, true
	}
	if !bytes.Contains(res.Body, []byte(`THROTTLED`)) {
		return 0, false
	}
	var reply struct {
		Errors     []failure
		Extensions struct{ Cost cost }
	}
	if json.Unmarshal(res.Body, &reply) != nil || len(reply.Errors) == 0 || reply.Errors[0].Extensions.Code != "THROTTLED" {
		return 0, false
	}
	c := reply.Extensions.Cost
	if c.Throttle.Restore <= 0 {
		return time.Second, true
	}
	return time.Duration(max(0, c.Requested-c.Throttle.Available) / c.Throttle.Restore * float64(time.Second)), true
}

// budget reads from a reply how full the bucket is.
func budget(res *transport.Response) (transport.Budget, bool) {
	var reply struct{ Extensions struct{ Cost cost } }
	if json.Unmarshal(res.Body, &reply) != nil || reply.Extensions.Cost.Throttle.Max <= 0 {
		return transport.Budget{}, false
	}
	c := reply.Extensions.Cost
	return transport.Budget{Cost: c.Requested, Available: c.Throttle.Available, Max: c.Throttle.Max, Restore: c.Throttle.Restore}, true
}

type userError struct {
	Field   []string `json:"field"`
	Message string   `json:"message"`
}

// ask runs an operation and decodes its data. A failing body behind a 200 is a failure.
func (c *Client) ask(ctx context.Context, operation, query string, vars map[string]any, read bool, data any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	change := transport.Nothing
	if strings.HasPrefix(strings.TrimSpace(query), "mutation") {
		change = transport.Something
	}
	_, err = c.t.Do(ctx, transport.Request{
		Operation: operation, Method: http.MethodPost, Path: path, Body: body, Read: read, Change: change, Keys: 1,
		Decode: func(res *transport.Response) error { return c.decode(res, data) },
	})
	return err
}

func (c *Client) decode(res *transport.Response, data any) error {
	switch {
	case res.Status == http.StatusUnauthorized, res.Status == http.StatusForbidden:
		return fault.New(fault.Denied, "Shopify refused the access token")
	case res.Status >= 500:
		return fault.New(fault.Unavailable, "Shopify answered %d", res.Status)
	case res.Status != http.StatusOK:
		return fault.New(fault.Invalid, "Shopify answered %d", res.Status)
	}
	var out struct {
		Data   json.RawMessage `json:"data"`
		Errors json.RawMessage `json:"errors"`
	}
	if err := transport.JSON(res.Body, &out); err != nil {
		return err
	}
	if len(out.Errors) > 0 && string(out.Errors) != "null" {
		return c.refusal(out.Errors)
	}
	return transport.JSON(out.Data, data)
}

// refusal reads the errors of a reply, which are a list or, at times, a string.
func (c *Client) refusal(raw json.RawMessage) error {
	var list []failure
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return fault.New(fault.BadResponse, "Shopify: %s", strings.Trim(string(raw), `"`)).From(c.t.Name())
	}
	kind := fault.Invalid
	switch list[0].Extensions.Code {
	case "ACCESS_DENIED", "SHOP_INACTIVE":
		kind = fault.Denied
	case "INTERNAL_SERVER_ERROR":
		kind = fault.Unavailable
	}
	return fault.New(kind, "Shopify: %s", list[0].Message).From(c.t.Name())
}

func (c *Client) complaint(errs []userError) error {
	if len(errs) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "Shopify: %s", errs[0].Message).From(c.t.Name())
}
