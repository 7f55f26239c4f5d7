package resolvers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
	"crossdock/internal/bus"
	"crossdock/sources/batch"
)

func orderID(o *orders.Order) trade.OrderID { return o.ID }
func lineSKU(l *orders.Line) trade.SKU      { return l.SKU }

// at names the input path at fault, where the error does not name one.
func at(err error, path string) error {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Path == "" {
		return e.At(path)
	}
	return err
}

// announced makes the keys beneath an order known and returns it.
func announced(ctx context.Context, o *orders.Order) *orders.Order {
	scopeOf(ctx).announce(o)
	return o
}

// lists loads lists, an empty one where there is none.
func lists[K comparable, V any](ctx context.Context, loader *batch.Loader[K, []V], keys []K) ([][]V, error) {
	out, err := load(ctx, loader, keys)
	for i := range out {
		if out[i] == nil {
			out[i] = []V{}
		}
	}
	return out, err
}

func documents[T any](ctx context.Context, objs []*orders.Order, kind finance.Kind, wrap func(*finance.Document) *T) ([][]*T, error) {
	all, err := load(ctx, scopeOf(ctx).documents, keysOf(objs, orderID))
	out := make([][]*T, len(all))
	for i, docs := range all {
		out[i] = []*T{}
		for _, d := range docs {
			if d.Kind == kind {
				out[i] = append(out[i], wrap(d))
			}
		}
	}
	return out, err
}

// onlyAccount is the account of a viewer that has one.
func onlyAccount(who trade.Viewer, id *string) (trade.AccountID, error) {
	if id != nil && *id != "" {
		return scalar.ParseAccountID(*id), nil
	}
	if len(who.Accounts) == 1 {
		return who.Accounts[0], nil
	}
	return "", fault.New(fault.Invalid, "you may act for several accounts: say which").At("accountId")
}

func orderDraft(who trade.Viewer, in model.PlaceOrderInput) (orders.Draft, error) {
	account, err := onlyAccount(who, in.AccountID)
	if err != nil {
		return orders.Draft{}, err
	}
	d := orders.Draft{Account: account, PONumber: strings.TrimSpace(value(in.PoNumber)), ShipToID: value(in.ShipToID), ShipTo: in.ShipTo, Channel: orders.Portal}
	if in.RequestedDate != nil {
		d.RequestedDate = *in.RequestedDate
	}
	d.Service = strings.TrimSpace(value(in.CarrierService))
	d.Terms, d.Quote, d.Promotion, d.ShipComplete = value(in.Terms), value(in.Quote), strings.TrimSpace(value(in.Promotion)), in.ShipComplete
	if in.Currency != nil {
		d.Currency = *in.Currency
	}
	d.Lines = draftLines(in.Lines)
	return d, nil
}

func draftLines(in []*model.PlaceOrderLine) []orders.DraftLine {
	out := make([]orders.DraftLine, len(in))
	for i, l := range in {
		out[i] = orders.DraftLine{SKU: trade.SKU(l.Sku), Quantity: *l.Quantity, ExpectedUnitPrice: l.ExpectedUnitPrice, Override: l.PriceOverride}
	}
	return out
}

// trimmed is a text without the space around it, nil where there is none.
func trimmed(s *string) *string {
	if s == nil {
		return nil
	}
	out := strings.TrimSpace(*s)
	return &out
}

func orderChange(in model.AmendOrderInput) orders.Change {
	c := orders.Change{
		Version: in.ExpectedVersion, Lines: map[int]trade.Quantity{}, Add: draftLines(in.Add), RequestedDate: in.RequestedDate, PONumber: trimmed(in.PoNumber),
		ShipToID: in.ShipToID, ShipTo: in.ShipTo, Service: trimmed(in.CarrierService), Reason: in.Reason,
	}
	for _, l := range in.Lines {
		c.Lines[l.Number] = trade.Quantity{Value: l.Quantity, Unit: value(l.Unit)}
	}
	return c
}

// amended shows what became of a change. One that was refused leaves the order as it was.
func amended(ctx context.Context, r *orders.Revised, dryRun bool, failure error) (*model.AmendOrderPayload, error) {
	errs, err := problem(failure)
	if err != nil {
		return nil, err
	}
	out := &model.AmendOrderPayload{Findings: []*orders.Finding{}, Changes: []*orders.Changed{}, Errors: errs, DryRun: dryRun}
	if r == nil {
		return out, nil
	}
	out.Findings, out.Errors = findings(r.Findings)
	if !r.Refused {
		out.Order, out.Changes = announced(ctx, r.Order), refs(r.Changes)
	}
	return out, nil
}

// placed shows intake's answer. A replay shows the order as it is now, under today's rights.
func placed(ctx context.Context, r *Resolver, a *orders.Answer, failure error) (*model.PlaceOrderPayload, error) {
	errs, err := problem(failure)
	if err != nil {
		return nil, err
	}
	out := &model.PlaceOrderPayload{Findings: []*orders.Finding{}, Errors: errs}
	if a == nil {
		return out, nil
	}
	out.Decision, out.Replayed = &a.Decision, a.Replayed
	out.Findings, out.Errors = findings(a.Findings)
	if out.Order = a.Order; out.Order == nil && a.OrderID != "" {
		list, err := r.Orders.Orders(ctx, viewer(ctx), []trade.OrderID{a.OrderID})
		if err != nil {
			return nil, err
		}
		out.Order = list[a.OrderID]
	}
	if out.Order != nil && out.Order.Number == "" {
		out.Order = nil
	}
	announced(ctx, out.Order)
	return out, nil
}

func validated(a *orders.Answer, failure error) (*model.ValidateOrderPayload, error) {
	errs, err := problem(failure)
	if err != nil {
		return nil, err
	}
	out := &model.ValidateOrderPayload{Findings: []*orders.Finding{}, Lines: []*orders.Line{}, Errors: errs}
	if a == nil {
		return out, nil
	}
	out.Decision = &a.Decision
	out.Findings, out.Errors = findings(a.Findings)
	if a.Order != nil {
		out.Total, out.Tax = &a.Order.Total, a.Order.Tax
		for i := range a.Order.Lines {
			out.Lines = append(out.Lines, &a.Order.Lines[i])
		}
	}
	return out, nil
}

// findings lists what intake saw, and as errors what turned the order or a line of it down.
func findings(list []orders.Finding) ([]*orders.Finding, []model.Error) {
	out, errs := refs(list), []model.Error{}
	for _, f := range out {
		if f.Severity == trade.Reject {
			var message strings.Builder
			message.WriteString(f.Message)
			for _, remedy := range f.Remedies {
				message.WriteString("; " + remedy)
			}
			errs = append(errs, &model.InputError{Code: f.Code, Path: f.Path, Message: message.String()})
		}
	}
	return out, errs
}

// plan reads who sends what; nil when nothing was asked for.
func plan(raw json.RawMessage) (*inventory.Plan, error) {
	if len(raw) == 0 {
		return nil, nil //nolint:nilnil // null in the graph
	}
	var p inventory.Plan
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("sourcing plan: %w", err)
	}
	return &p, nil
}

func orderFilter(in *model.OrderFilter) orders.Filter {
	if in == nil {
		return orders.Filter{}
	}
	f := orders.Filter{Statuses: in.Status, PONumber: value(in.PoNumber), PlacedFrom: in.PlacedFrom, PlacedBefore: in.PlacedBefore, SKU: trade.SKU(value(in.Sku))}
	for _, id := range in.AccountIds {
		f.Accounts = append(f.Accounts, scalar.ParseAccountID(id))
	}
	return f
}

func orderPage(ctx context.Context, list *orders.List) *model.OrderConnection {
	s := scopeOf(ctx)
	s.announce(list.Orders...)
	var ends []string
	if n := len(list.Orders); n > 0 {
		ends = []string{list.Cursor(0), list.Cursor(n - 1)}
	}
	out := &model.OrderConnection{TotalCount: list.Total, Nodes: list.Orders, PageInfo: pageInfo(ends, list.HasNext, list.HasPrev)}
	if s.selected["OrderConnection.edges"] {
		edges := make([]model.OrderEdge, len(list.Orders))
		for i, o := range list.Orders {
			edges[i] = model.OrderEdge{Cursor: list.Cursor(i), Node: o}
		}
		out.Edges = refs(edges)
	}
	return out
}

// orderPaging is a page with what the operation selects of it, no more. The shipments that come along are kept for those who ask for
// them, and so is the order for who asks from there.
func (s *scope) orderPaging(ctx context.Context, p orders.Paging) orders.Paging {
	p.Uncounted, p.Alone = !s.selected["OrderConnection.totalCount"], !s.selected["OrderConnection.pageInfo"]
	if s.selected["Order.shipments"] {
		p.Beside = func(o *orders.Order, column []byte) {
			sent, err := shipments.ReadBeside(column)
			s.shipments.Put(ctx, o.ID, lookup.Result[[]*shipments.Shipment]{Value: sent, OK: len(sent) > 0, Err: err})
			if s.selected["Shipment.order"] {
				s.orders.Put(ctx, o.ID, lookup.Result[*orders.Order]{Value: o, OK: true})
			}
		}
	}
	return p
}

func invoicePage(from string) func([]*finance.Document, bool, error) (*model.InvoiceConnection, error) {
	return func(docs []*finance.Document, more bool, err error) (*model.InvoiceConnection, error) {
		if err != nil {
			return nil, err
		}
		list := make([]*scalar.Invoice, len(docs))
		for i, d := range docs {
			list[i] = &scalar.Invoice{Document: d}
		}
		rows, cursors := edges(list, scalar.TypeInvoice, func(i *scalar.Invoice) string { return i.ID }, func(c string, i *scalar.Invoice) *model.InvoiceEdge {
			return &model.InvoiceEdge{Cursor: c, Node: i}
		})
		return &model.InvoiceConnection{Edges: rows, Nodes: list, PageInfo: pageInfo(cursors, more, from != "")}, nil
	}
}

func (r *Resolver) timeline(ctx context.Context, o *orders.Order, first int, after *string) (*model.EventConnection, error) {
	if first < 1 || first > 500 {
		return nil, fault.New(fault.Invalid, "a page of %d; ask for 1 to 500", first).At("first")
	}
	var from int64
	if after != nil {
		var err error
		if from, err = bus.ParseCursor(*after); err != nil {
			return nil, err
		}
	}
	list, err := r.Bus.Read(ctx, bus.Filter{OrderID: string(o.ID), AllAccounts: true, Without: hidden(viewer(ctx))}, from, first+1)
	if err != nil {
		return nil, err
	}
	more := len(list) > first
	list = list[:min(first, len(list))]
	out := &model.EventConnection{Edges: make([]*model.EventEdge, len(list)), Nodes: make([]*event.Event, len(list))}
	cursors := make([]string, len(list))
	for i := range list {
		cursors[i], out.Nodes[i] = bus.Cursor(list[i].Position), &list[i]
		out.Edges[i] = &model.EventEdge{Cursor: cursors[i], Node: &list[i]}
	}
	out.PageInfo = pageInfo(cursors, more, after != nil)
	return out, nil
}

// cursor reads a cursor that is a thing's id.
func cursor(typ string, after *string) (string, error) {
	if after == nil || *after == "" {
		return "", nil
	}
	inner, err := scalar.ParseID(typ, *after)
	return inner, at(err, "after")
}

// unlessMissing drops the error that a thing does not exist: null is how the graph says that.
func unlessMissing(err error) error {
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}
