package tryton

import (
	"context"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/sources/transport"
	"crossdock/sources/trytonrpc"
)

// Config says how to reach a company.
type Config struct {
	trytonrpc.Config
	// Shop is the name of the web shop that our orders belong to; "Crossdock".
	Shop string
}

// Client is one company of Tryton.
type Client struct {
	rpc  *trytonrpc.Client
	shop string
	home trytonrpc.Learned[home]
}

// home is what all questions depend on and nobody changes: the company, and the shop and the warehouse of
// our orders.
type home struct {
	*trytonrpc.Company
	shop, warehouse int
}

// New returns a client of the server at base, such as https://erp.example.com. It opens no connection.
func New(name, base string, cfg Config) (*Client, error) {
	rpc, err := trytonrpc.New(name, base, cfg.Config)
	if err != nil {
		return nil, err
	}
	if cfg.Shop == "" {
		cfg.Shop = "Crossdock"
	}
	return &Client{rpc: rpc, shop: cfg.Shop}, nil
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.rpc.Transport() }

// where learns the company and our shop, once.
func (c *Client) where(ctx context.Context) (*home, error) {
	return c.home.Get(func() (*home, error) { return c.learn(ctx) })
}

func (c *Client) learn(ctx context.Context) (*home, error) {
	company, err := c.rpc.Company(ctx)
	if err != nil {
		return nil, err
	}
	var shops []struct {
		ID         int   `json:"id"`
		Warehouses []int `json:"warehouses"`
	}
	if err := c.rpc.Call(ctx, "shop", "model.web.shop.search_read", []any{[]any{[]any{"name", "=", c.shop}}, 0, 1, nil, []string{"warehouses"}, company.Context(nil)}, true, &shops); err != nil {
		return nil, err
	}
	if len(shops) == 0 || len(shops[0].Warehouses) == 0 {
		return nil, fault.New(fault.Invalid, "there is no web shop %q with a warehouse: create it, or name another as shop", c.shop).From(c.rpc.Name())
	}
	return &home{company, shops[0].ID, shops[0].Warehouses[0]}, nil
}

func (c *Client) live() lookup.Provenance {
	return lookup.Provenance{Source: c.rpc.Name(), AsOf: time.Now(), Freshness: lookup.Live}
}
