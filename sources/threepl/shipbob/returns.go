package shipbob

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/returns"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

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
	for part := range slices.Chunk(numbers, 50) {
		var page page[goodsReturn]
		q := url.Values{"ReferenceIds": {strings.Join(part, ",")}, "Limit": {"250"}}
		if err := c.call(ctx, transport.Request{Operation: "receipts", Method: http.MethodGet, Path: "/return", Query: q, Keys: len(part), Read: true}, http.StatusOK, &page); err != nil {
			out.Fail(part, err)
			continue
		}
		for _, g := range page.Items {
			if slices.Contains(part, g.ReferenceID) {
				out.Found[g.ReferenceID] = c.receipt(g)
			}
		}
	}
	return out, ctx.Err()
}

func (c *Client) receipt(g goodsReturn) returns.Receipt {
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
	return rec
}
