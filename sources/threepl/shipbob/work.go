package shipbob

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

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

// direct is the type of an order without a retailer's programme, which DropShip and B2B need.
const direct = "DTC"

// Release places an order under the work's number.
func (c *Client) Release(ctx context.Context, w shipments.Work) (string, error) {
	in := newOrder{
		ReferenceID: w.Number, OrderNumber: w.OrderNumber, ShippingMethod: cmp.Or(w.Service, c.cfg.ShippingMethod), Type: direct, LocationID: json.Number(w.Node),
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
			out.Fail(part, err)
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
