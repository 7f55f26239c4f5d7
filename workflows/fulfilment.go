package workflows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/inventory"
	"crossdock/domains/operations"
	"crossdock/domains/orders"
	"crossdock/domains/references"
	"crossdock/domains/returns"
	"crossdock/domains/shipments"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Tx is an open transaction.
type Tx = postgres.Tx

// Systems are the other systems that the processes act on, by destination. A nil field is a
// system that is not configured.
type Systems struct {
	// ERP is the name of the source that registers orders and posts documents.
	ERP       string
	Registrar orders.Registrar
	// Confirmer is nil where the ERP takes up at once what is registered.
	Confirmer orders.Confirmer
	Archive   orders.Archive
	Books     finance.Books
	// Fulfillers and Receivers are by node.
	Fulfillers map[trade.NodeID]shipments.Fulfiller
	Receivers  map[trade.NodeID]returns.Receiver
	// Historians are by source.
	Historians map[string]shipments.Historian
	// Shops and Notifiers are by source.
	Shops     map[string]orders.Shop
	Notifiers map[string]shipments.Notifier
}

// Processes carries orders from acceptance to delivery and returns to their credit. It is what
// the domains call when they decide, and what the queue calls to act.
type Processes struct {
	Queue      *Queue
	Orders     *orders.Service
	Shipments  *shipments.Service
	Inventory  *inventory.Service
	Finance    *finance.Service
	Returns    *returns.Service
	References *references.Service
	// Candidates are things of ours that a name which nobody has mapped could mean.
	Candidates func(ctx context.Context, n references.Name, label string) ([]references.Candidate, error)
	Exceptions Exceptions
	Systems    Systems
	Now        func() time.Time
}

// The kinds of effect.
const (
	registerOrder = "order.register"
	withdrawOrder = "order.withdraw"
	reduceOrder   = "order.reduce"
	acknowledge   = "order.acknowledge"
	releaseWork   = "work.release"
	recallWork    = "work.recall"
	postShipment  = "shipment.post"
	readInvoice   = "invoice.read"
	fulfilShop    = "shipment.publish"
	cancelShop    = "order.cancel_in_shop"
	expectReturn  = "return.expect"
	creditReturn  = "return.credit"
)

// oversold raises what more was promised of than there is, and takes that back when there is enough.
func (p *Processes) oversold(ctx context.Context, tx Tx, o inventory.Oversold) error {
	key := fmt.Sprintf("oversold/%s/%s", o.Node, o.SKU)
	if o.Short.IsZero() {
		return p.Exceptions.Clear(ctx, tx, key, "there is enough again")
	}
	detail, err := json.Marshal(map[string]any{"node": o.Node, "sku": o.SKU, "has": o.Has, "short": o.Short})
	if err != nil {
		return err
	}
	return p.Exceptions.Raise(ctx, tx, operations.Exception{
		Code: "OVERSOLD", Severity: "ERROR", Title: fmt.Sprintf("%s has %s of %s, and %s more are promised from it", o.Node, o.Has, o.SKU, o.Short), Detail: detail,
		Subject: "node/" + string(o.Node), Key: key, CreatedAt: p.Now(),
	})
}

// Attach gives the queue its handlers, and what to do when a person gives an effect up.
func (p *Processes) Attach() {
	p.Inventory.TellOversold(p.oversold)
	p.Queue.dropped = map[string]func(context.Context, Tx, Effect) error{
		registerOrder: func(ctx context.Context, tx Tx, e Effect) error {
			t, err := parse(e)
			if err != nil {
				return err
			}
			return p.Finance.Withdrawn(ctx, tx, t.Order)
		},
		releaseWork: func(ctx context.Context, tx Tx, e Effect) error {
			t, err := parse(e)
			if err != nil {
				return err
			}
			return p.Shipments.Failed(ctx, tx, t.Work, "it could not be handed over")
		},
	}
	p.Queue.unwritten = map[string]func(context.Context, Tx, Effect) error{
		// Whoever writes there by themselves is counted by the system's own figures.
		registerOrder: p.Queue.dropped[registerOrder],
		releaseWork: func(ctx context.Context, tx Tx, e Effect) error {
			t, err := parse(e)
			if err != nil {
				return err
			}
			return p.Inventory.Recalled(ctx, tx, t.Work)
		},
	}
	p.Queue.handlers = map[string]Handler{
		registerOrder: p.register, withdrawOrder: p.withdraw, reduceOrder: p.reduce, acknowledge: p.acknowledge,
		releaseWork: p.release, recallWork: p.recall, postShipment: p.post, readInvoice: p.invoice, fulfilShop: p.publish, cancelShop: p.cancelRest,
		expectReturn: p.expect, creditReturn: p.credit,
	}
}

type target struct {
	Order    trade.OrderID `json:"order,omitempty"`
	Work     string        `json:"work,omitempty"`
	Shipment string        `json:"shipment,omitempty"`
	Return   string        `json:"return,omitempty"`
	// Elsewhere asks that what a recall gives back is promised from somewhere else.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

func subject(id trade.OrderID) string { return "order/" + string(id) }

func nodeDest(id trade.NodeID) string { return "node:" + string(id) }

func (p *Processes) erp() string { return "erp:" + p.Systems.ERP }

func parse(e Effect) (t target, _ error) {
	if err := json.Unmarshal(e.Payload, &t); err != nil {
		return t, fault.Wrap(fault.Invalid, err, "effect payload")
	}
	return t, nil
}

// Accepted implements orders.Dispatcher: the order goes to the ERP, and what is allocated and
// not planned yet becomes work for its node.
func (p *Processes) Accepted(ctx context.Context, tx Tx, o *orders.Order) error {
	known, err := p.Queue.store.exists(ctx, tx, subject(o.ID), registerOrder)
	if err != nil {
		return err
	}
	if !known && o.Channel != orders.ERP {
		if err := p.Queue.Add(ctx, tx, subject(o.ID), p.erp(), registerOrder, target{Order: o.ID}); err != nil {
			return err
		}
	}
	works, err := p.Shipments.WorkInTx(ctx, tx, o.ID)
	if err != nil {
		return err
	}
	for i, w := range newWork(o, works) {
		w.Number = fmt.Sprintf("%s-%d", o.Number, len(works)+i+1)
		if node, ok := p.Inventory.Node(w.Node); ok {
			by, _ := node.Service(o.Service)
			w.Service = by.Code
		}
		if err := p.Shipments.Plan(ctx, tx, w); err != nil {
			return err
		}
		var lines []int
		for _, part := range w.Parts {
			lines = append(lines, part.Line)
		}
		if err := p.Inventory.Assign(ctx, tx, o.ID, w.Node, w.ID, lines); err != nil {
			return err
		}
		if err := p.Queue.Add(ctx, tx, subject(o.ID), nodeDest(w.Node), releaseWork, target{Order: o.ID, Work: w.ID}); err != nil {
			return err
		}
	}
	return nil
}

// newWork is what the order's allocations ask for beyond the works that exist, one per node. Lines that are held wait.
func newWork(o *orders.Order, works []*shipments.Work) []*shipments.Work {
	planned := carried(works)
	var out []*shipments.Work
	byNode := map[trade.NodeID]*shipments.Work{}
	for _, l := range o.Lines {
		if o.Blocked(orders.Release, l.Number) {
			continue
		}
		for _, a := range l.Allocations {
			rest := trade.Less(a.Quantity, planned[l.Number][a.Node])
			if !rest.IsPos() {
				continue
			}
			w := byNode[a.Node]
			if w == nil {
				w = &shipments.Work{Order: o.ID, OrderNumber: o.Number, PONumber: o.PONumber, Account: o.Account, Node: a.Node, ShipTo: o.ShipTo, RequestedDate: o.RequestedDate}
				byNode[a.Node] = w
				out = append(out, w)
			}
			w.Parts = append(w.Parts, trade.Part{Line: l.Number, SKU: l.SKU, Quantity: rest, Unit: l.Quantity.Unit})
		}
	}
	return out
}

// carried is what works have sent or are to send, by line and node.
func carried(works []*shipments.Work) map[int]map[trade.NodeID]trade.Decimal {
	out := map[int]map[trade.NodeID]trade.Decimal{}
	for _, w := range works {
		parts := w.Parts
		if w.Status == shipments.Cancelled || w.Status == shipments.Incomplete {
			parts = w.ShippedParts
		}
		for _, part := range parts {
			if out[part.Line] == nil {
				out[part.Line] = map[trade.NodeID]trade.Decimal{}
			}
			out[part.Line][w.Node] = trade.Sum(out[part.Line][w.Node], part.Quantity)
		}
	}
	return out
}

// Kept implements orders.Dispatcher.
func (p *Processes) Kept(ctx context.Context, tx Tx, o *orders.Order) (map[int]map[trade.NodeID]trade.Decimal, error) {
	works, err := p.Shipments.WorkInTx(ctx, tx, o.ID)
	return carried(works), err
}

// again is how long a node that has given work of an order back is not asked for the rest of it.
const again = time.Hour

// GaveBack implements orders.Dispatcher.
func (p *Processes) GaveBack(ctx context.Context, tx Tx, o *orders.Order) ([]trade.NodeID, error) {
	works, err := p.Shipments.WorkInTx(ctx, tx, o.ID)
	var out []trade.NodeID
	for _, w := range works {
		if w.Status == shipments.Incomplete && p.Now().Sub(w.UpdatedAt) < again {
			out = append(out, w.Node)
		}
	}
	return out, err
}

func (p *Processes) order(ctx context.Context, id trade.OrderID) (*orders.Order, error) {
	found, err := p.Orders.Orders(ctx, trade.System("process"), []trade.OrderID{id})
	if err != nil {
		return nil, err
	}
	if found[id] == nil {
		return nil, fault.New(fault.NotFound, "no order %q", id)
	}
	return found[id], nil
}

func (p *Processes) work(ctx context.Context, id string) (*shipments.Work, error) {
	found, err := p.Shipments.WorkByID(ctx, trade.System("process"), []string{id})
	if err != nil {
		return nil, err
	}
	if found[id] == nil {
		return nil, fault.New(fault.NotFound, "no fulfilment order %q", id)
	}
	return found[id], nil
}

// ofOrder reads what an effect is about, and the order.
func (p *Processes) ofOrder(ctx context.Context, e Effect) (target, *orders.Order, error) {
	t, err := parse(e)
	if err != nil {
		return t, nil, err
	}
	o, err := p.order(ctx, t.Order)
	return t, o, err
}

// register makes the order known to the ERP, once: it looks before it creates, and a lost
// answer is waited out by the queue before it looks again.
func (p *Processes) register(ctx context.Context, e Effect) (Apply, error) {
	_, o, err := p.ofOrder(ctx, e)
	if err != nil {
		return nil, err
	}
	if err := p.Finance.Registering(ctx, o.ID); err != nil {
		return nil, err
	}
	found, err := p.Systems.Registrar.Registrations(ctx, []string{o.Number})
	if err == nil {
		err = found.Failed[o.Number]
	}
	if err != nil {
		return nil, err
	}
	r, ok := found.Found[o.Number]
	if !ok {
		if r, err = p.Systems.Registrar.Register(ctx, o); err != nil {
			if !fault.Unsure(err) {
				return nil, errors.Join(err, p.Finance.NotRegistered(context.WithoutCancel(ctx), o.ID))
			}
			return nil, err
		}
	}
	if r.Unconfirmed && o.Status != orders.Cancelled {
		if r, err = p.confirm(ctx, o, r); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, tx Tx) error {
		if r.Copies > 1 {
			if err := p.raiseCopies(ctx, tx, o, r); err != nil {
				return err
			}
		}
		if err := p.Finance.Registered(ctx, tx, o.ID); err != nil {
			return err
		}
		return p.Orders.Registered(ctx, tx, o.ID, r, o.Kept())
	}, nil
}

// confirm has the ERP take up what it has of the order, in spite of what people have let go. While it
// asks for more the order is held, the ERP does not count it, and the effect waits.
func (p *Processes) confirm(ctx context.Context, o *orders.Order, r orders.Registration) (orders.Registration, error) {
	if p.Systems.Confirmer == nil {
		return r, fault.New(fault.Unsupported, "%s has order %s and does not take it up", r.Source, o.Number)
	}
	copies := r.Copies
	r, err := p.Systems.Confirmer.Confirm(ctx, o.Number, o.Released())
	if err != nil || !r.Unconfirmed {
		r.Copies = max(r.Copies, copies)
		return r, err
	}
	err = postgres.InTx(ctx, p.Queue.pool, func(tx Tx) error { return p.Orders.Stopped(ctx, tx, o.ID, r.Source, r.Stops) })
	if err = errors.Join(err, p.Finance.NotRegistered(ctx, o.ID)); err != nil {
		return r, err
	}
	return r, &fault.Error{Kind: fault.Unavailable, Message: "the order waits there for somebody to confirm it", Source: r.Source, NotSent: true, Waits: true}
}

// LetGo implements orders.Dispatcher: what waited for a person goes on at once, and its shop gives back what it goes on without.
func (p *Processes) LetGo(ctx context.Context, tx Tx, o *orders.Order) error {
	if slices.ContainsFunc(o.Lines, func(l orders.Line) bool { return l.Rejected.IsPos() }) {
		if err := p.cancelInShop(ctx, tx, o); err != nil {
			return err
		}
	}
	return p.Queue.Hurry(ctx, tx, subject(o.ID), p.erp())
}

func (p *Processes) raiseCopies(ctx context.Context, tx Tx, o *orders.Order, r orders.Registration) error {
	return p.raise(ctx, tx, o, operations.Exception{
		Code: "DUPLICATE_IN_SOURCE", Severity: "ERROR", Title: fmt.Sprintf("%s has order %s %d times", r.Source, o.Number, r.Copies), Key: "copies/" + o.Number, Source: r.Source,
	}, struct{}{})
}

// release hands work to its node, once, as register does with orders.
func (p *Processes) release(ctx context.Context, e Effect) (Apply, error) {
	t, err := parse(e)
	if err != nil {
		return nil, err
	}
	w, err := p.work(ctx, t.Work)
	if err != nil {
		return nil, err
	}
	node := p.Systems.Fulfillers[w.Node]
	if node == nil {
		return nil, fault.New(fault.Unsupported, "node %s takes no work: no source is configured for it", w.Node)
	}
	if err := p.Inventory.Releasing(ctx, w.ID); err != nil {
		return nil, err
	}
	ref := w.NodeRef
	if ref == "" {
		found, err := node.Reports(ctx, w.Node, []string{w.Number})
		if err == nil {
			err = found.Failed[w.Number]
		}
		if err != nil {
			return nil, err
		}
		if r, ok := found.Found[w.Number]; ok {
			ref = r.NodeRef
		} else if ref, err = node.Release(ctx, *w); err != nil {
			if !fault.Unsure(err) {
				return nil, errors.Join(err, p.Inventory.NotReleased(context.WithoutCancel(ctx), w.ID))
			}
			return nil, err
		}
	}
	return func(ctx context.Context, tx Tx) error { return p.Shipments.Taken(ctx, tx, w.ID, ref) }, nil
}

// Released implements shipments.Followup.
func (p *Processes) Released(ctx context.Context, tx Tx, w *shipments.Work) error {
	if err := p.Inventory.Released(ctx, tx, w.ID); err != nil {
		return err
	}
	return p.Orders.Advance(ctx, tx, w.Order, orders.StepReleased, w.Node, w.Parts)
}

// Shipped implements shipments.Followup: the ERP posts it and the storefront shows it.
func (p *Processes) Shipped(ctx context.Context, tx Tx, w *shipments.Work, s *shipments.Shipment) error {
	if err := p.Orders.Advance(ctx, tx, w.Order, orders.StepShipped, w.Node, s.Parts); err != nil {
		return err
	}
	if err := p.Inventory.Outdate(ctx, tx, w.Node, items(s.Parts)); err != nil {
		return err
	}
	t := target{Order: w.Order, Shipment: s.ID}
	added, err := p.Queue.AddOnce(ctx, tx, subject(w.Order), p.erp(), postShipment, t)
	if err != nil {
		return err
	}
	if added && p.Queue.shadowing(p.erp()) == "" { // what is not posted has no invoice
		if err := p.Queue.Add(ctx, tx, subject(w.Order), p.erp(), readInvoice, t); err != nil {
			return err
		}
	}
	shop, err := p.Orders.ShopOf(ctx, tx, w.Order)
	if err != nil || p.Systems.Notifiers[shop.Source] == nil {
		return err
	}
	return p.Queue.Add(ctx, tx, subject(w.Order), "shop:"+shop.Source, fulfilShop, t)
}

// items are those that parts are of.
func items(parts []trade.Part) []trade.SKU {
	out := make([]trade.SKU, len(parts))
	for i, p := range parts {
		out[i] = p.SKU
	}
	return out
}

// Delivered implements shipments.Followup.
func (p *Processes) Delivered(ctx context.Context, tx Tx, s *shipments.Shipment) error {
	return p.Orders.Advance(ctx, tx, s.Order, orders.StepDelivered, s.Node, s.Parts)
}

// Shorted implements shipments.Followup: the rest goes back to the order, which is held until
// it is promised from somewhere else, and a person hears of it.
func (p *Processes) Shorted(ctx context.Context, tx Tx, w *shipments.Work, parts []trade.Part) error {
	if err := p.Inventory.Recalled(ctx, tx, w.ID); err != nil {
		return err
	}
	if err := p.Orders.Advance(ctx, tx, w.Order, orders.StepShorted, w.Node, parts); err != nil {
		return err
	}
	if err := p.Inventory.Outdate(ctx, tx, w.Node, items(parts)); err != nil {
		return err
	}
	detail, err := json.Marshal(map[string]any{"work": w.Number, "reason": w.Reason, "parts": parts})
	if err != nil {
		return err
	}
	return p.Exceptions.Raise(ctx, tx, operations.Exception{
		Code: "SHORT_PICK", Severity: "WARNING", Title: fmt.Sprintf("%s could not send all of %s: %s", w.Node, w.Number, w.Reason), Detail: detail,
		Subject: subject(w.Order), Key: "short/" + w.Number, Order: w.Order, Account: w.Account, Source: nodeDest(w.Node), CreatedAt: p.Now(),
	})
}

// post tells the ERP how much has shipped in all.
func (p *Processes) post(ctx context.Context, e Effect) (Apply, error) {
	_, o, err := p.ofOrder(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, l := range o.Lines {
		if l.Shipped.IsPos() && o.Blocked(orders.Invoice, l.Number) {
			return nil, &fault.Error{Kind: fault.Unavailable, Message: "the order is held, and what has left is not invoiced before that ends", Source: p.Systems.ERP, NotSent: true, Waits: true}
		}
	}
	posting := finance.Posting{OrderNumber: o.Number, Shipped: map[int]trade.Decimal{}, Items: map[trade.SKU]trade.Decimal{}}
	for _, l := range o.Lines {
		posting.Shipped[l.Number] = l.Shipped
		posting.Items[l.SKU] = trade.Sum(posting.Items[l.SKU], l.Shipped)
	}
	return nil, p.Systems.Books.Post(ctx, posting)
}

// invoice reads back what the ERP has invoiced of the order.
func (p *Processes) invoice(ctx context.Context, e Effect) (Apply, error) {
	_, o, err := p.ofOrder(ctx, e)
	if err != nil {
		return nil, err
	}
	found, err := p.Systems.Books.Invoices(ctx, []string{o.Number})
	if err == nil {
		err = found.Failed[o.Number]
	}
	if err != nil {
		return nil, err
	}
	docs := found.Found[o.Number]
	if len(docs) == 0 {
		return nil, &fault.Error{Kind: fault.Unavailable, Message: "the ERP has not invoiced the shipment yet", Source: p.Systems.ERP, NotSent: true}
	}
	return func(ctx context.Context, tx Tx) error { return p.ObserveInvoices(ctx, tx, o, docs) }, nil
}

// ObserveInvoices keeps invoices of an order and books what they cover.
func (p *Processes) ObserveInvoices(ctx context.Context, tx Tx, o *orders.Order, docs []finance.Document) error {
	for _, d := range docs {
		d.Order, d.Account = o.ID, o.Account
		fresh, err := p.Finance.Observe(ctx, tx, d)
		if err != nil {
			return err
		}
		if !fresh {
			continue
		}
		// As it is now: another document of it may have been placed meanwhile.
		if o, err = p.Orders.Lock(ctx, tx, o.ID); err != nil {
			return err
		}
		if err := p.Orders.Advance(ctx, tx, o.ID, orders.StepInvoiced, "", place(o, d, func(l orders.Line) trade.Decimal { return trade.Less(l.Shipped, l.Invoiced) })); err != nil {
			return err
		}
	}
	return nil
}

// place puts a document's lines onto the order's, each as far as it has room: a document names
// items, not our lines.
func place(o *orders.Order, d finance.Document, roomOf func(orders.Line) trade.Decimal) []trade.Part {
	var parts []trade.Part
	room := map[int]trade.Decimal{}
	for _, l := range o.Lines {
		room[l.Number] = roomOf(l)
	}
	for _, dl := range d.Lines {
		left := dl.Quantity.Value
		for _, l := range o.Lines {
			n := trade.Min(left, room[l.Number])
			if l.SKU != dl.SKU || !n.IsPos() {
				continue
			}
			left, room[l.Number] = trade.Less(left, n), trade.Less(room[l.Number], n)
			parts = append(parts, trade.Part{Line: l.Number, SKU: l.SKU, Quantity: n, Unit: l.Quantity.Unit})
		}
	}
	return parts
}
