package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// The floor answers the page by hand: no graph, the fewest calls, typed values in and out. What a gateway costs beyond
// it is its own.
type (
	pageCustomer struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		Terms string `json:"terms"`
	}
	pageItem struct {
		SKU      string `json:"sku"`
		Name     string `json:"name"`
		Unit     string `json:"uom"`
		Category string `json:"category"`
	}
	pagePrice struct {
		UnitPrice string `json:"unitPrice"`
		Currency  string `json:"currency"`
		List      string `json:"priceList"`
	}
	pageStock struct {
		SKU       string `json:"sku"`
		Available int    `json:"available"`
		Bins      []struct {
			Warehouse string `json:"warehouse"`
			Available int    `json:"available"`
		} `json:"bins"`
	}
	pageLine struct {
		ID       string     `json:"id"`
		Number   int        `json:"lineNo"`
		SKU      string     `json:"sku"`
		Quantity int        `json:"quantity"`
		Item     *pageItem  `json:"item"`
		Price    *pagePrice `json:"price"`
		Stock    *pageStock `json:"stock"`
	}
	pageSent struct {
		Order     string `json:"orderId"`
		Shipments []struct {
			Carrier   string `json:"carrier"`
			Tracking  string `json:"tracking"`
			Status    string `json:"status"`
			ShippedAt string `json:"shippedAt"`
		} `json:"shipments"`
	}
	pageOrder struct {
		ID       string        `json:"id"`
		Number   string        `json:"number"`
		Status   string        `json:"status"`
		PlacedAt string        `json:"placedAt"`
		Currency string        `json:"currency"`
		Buyer    string        `json:"customerId"`
		Customer *pageCustomer `json:"customer"`
		Lines    []*pageLine   `json:"lines"`
		Sent     *pageSent     `json:"sent"`
	}
)

// floor answers pages over the back ends.
type floor struct {
	bases  []string
	client *http.Client
}

func (f *floor) serve(l net.Listener) error {
	f.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}}
	server := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	return server.Serve(l)
}

// ServeHTTP implements http.Handler.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/mallocs" {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_, _ = fmt.Fprint(w, m.Mallocs)
		return
	}
	var in struct{ Variables struct{ After string } }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	page, err := f.page(r.Context(), in.Variables.After)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"orders": page}})
}

func (f *floor) get(ctx context.Context, system int, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.bases[system]+path, nil)
	if err != nil {
		return err
	}
	res, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s, %w", path, res.Status, err)
	}
	return json.Unmarshal(body, into)
}

// keys are keys without repeats.
type keys struct {
	list []string
	at   map[string]int
}

func (k *keys) add(key string) {
	if _, ok := k.at[key]; !ok {
		if k.at == nil {
			k.at = map[string]int{}
		}
		k.at[key] = len(k.list)
		k.list = append(k.list, key)
	}
}

func (k *keys) joined() string { return strings.Join(k.list, ",") }

func (f *floor) page(ctx context.Context, after string) ([]*pageOrder, error) {
	var orders []*pageOrder
	if err := f.get(ctx, 0, fmt.Sprintf("/orders?first=%d&after=%s", perPage, after), &orders); err != nil {
		return nil, err
	}
	var buyers, skus, ids keys
	ofBuyer := map[string]*keys{}
	for _, o := range orders {
		buyers.add(o.Buyer)
		ids.add(o.ID)
		if ofBuyer[o.Buyer] == nil {
			ofBuyer[o.Buyer] = &keys{}
		}
		for _, l := range o.Lines {
			skus.add(l.SKU)
			ofBuyer[o.Buyer].add(l.SKU)
		}
	}
	var customers []*pageCustomer
	var items []*pageItem
	var stock []*pageStock
	var sent []*pageSent
	prices := make([][]*pagePrice, len(buyers.list))
	var g errgroup.Group
	g.Go(func() error { return f.get(ctx, 1, "/customers?ids="+buyers.joined(), &customers) })
	g.Go(func() error { return f.get(ctx, 1, "/items?ids="+skus.joined(), &items) })
	g.Go(func() error { return f.get(ctx, 2, "/inventory?skus="+skus.joined(), &stock) })
	g.Go(func() error { return f.get(ctx, 3, "/shipments?orderIds="+ids.joined(), &sent) })
	for i, buyer := range buyers.list {
		g.Go(func() error {
			return f.get(ctx, 1, "/prices?customer="+buyer+"&skus="+ofBuyer[buyer].joined(), &prices[i])
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, o := range orders {
		o.Customer, o.Sent = customers[buyers.at[o.Buyer]], sent[i]
		for _, l := range o.Lines {
			l.Item, l.Stock = items[skus.at[l.SKU]], stock[skus.at[l.SKU]]
			l.Price = prices[buyers.at[o.Buyer]][ofBuyer[o.Buyer].at[l.SKU]]
		}
	}
	return slices.Clip(orders), nil
}
