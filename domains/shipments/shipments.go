// Package shipments keeps the work that nodes do for orders, and what they sent.
//
//	OPEN ─▶ IN_PROGRESS ─▶ PARTIALLY_SHIPPED ─▶ SHIPPED
//	  │          │
//	  │          └─▶ INCOMPLETE   (short pick or refusal: the rest goes back to the order)
//	  └──────────┴─▶ CANCELLED    (recalled)
//
// A node reports the whole state of a piece of work, by webhook or poll, in any order and as
// often as it likes; Observe compares it with what is known and acts on the difference.
package shipments

import (
	"context"
	"slices"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// WorkStatus is where a fulfilment order is in its life.
type WorkStatus string

// The statuses of a fulfilment order, in the order in which they follow each other.
const (
	Open             WorkStatus = "OPEN"
	InProgress       WorkStatus = "IN_PROGRESS"
	PartiallyShipped WorkStatus = "PARTIALLY_SHIPPED"
	Shipped          WorkStatus = "SHIPPED"
	Incomplete       WorkStatus = "INCOMPLETE"
	Cancelled        WorkStatus = "CANCELLED"
)

func (s WorkStatus) final() bool { return s == Shipped || s == Incomplete || s == Cancelled }

// PickStatus is the step inside the warehouse, where a node tells.
type PickStatus string

// The steps of picking.
const (
	NotStarted PickStatus = "NOT_STARTED"
	Picking    PickStatus = "PICKING"
	Picked     PickStatus = "PICKED"
	Short      PickStatus = "SHORT_PICKED"
	Packed     PickStatus = "PACKED"
)

func (p PickStatus) rank() int {
	return slices.Index([]PickStatus{NotStarted, Picking, Picked, Short, Packed}, p)
}

// Work is a fulfilment order: what one node is asked to send.
type Work struct {
	ID            string          `json:"id"`
	Number        string          `json:"number"`
	Order         trade.OrderID   `json:"order"`
	OrderNumber   string          `json:"orderNumber"`
	PONumber      string          `json:"poNumber,omitempty"`
	Account       trade.AccountID `json:"account"`
	Node          trade.NodeID    `json:"node"`
	Status        WorkStatus      `json:"status"`
	Pick          PickStatus      `json:"pick"`
	Reason        string          `json:"reason,omitempty"`
	Parts         []trade.Part    `json:"parts"`
	ShippedParts  []trade.Part    `json:"shippedParts,omitempty"`
	ShipTo        trade.Address   `json:"shipTo"`
	RequestedDate trade.Date      `json:"requestedDate,omitempty"`
	// Service is how it is to be sent, as the node's system calls that; empty for how the node likes.
	Service string `json:"service"`
	// NodeRef is what the node calls the work, empty until it has taken it.
	NodeRef string `json:"nodeRef,omitempty"`
	// ReportedBy is the source that last reported the work, empty until one has.
	ReportedBy string    `json:"reportedBy,omitempty"`
	ReportedAt time.Time `json:"reportedAt"`
	CreatedAt  time.Time `json:"createdAt"`
	UpdatedAt  time.Time `json:"updatedAt"`
	Version    int       `json:"version"`
}

// Provenance of the work as its node last reported it, or as we planned it.
func (w *Work) Provenance() lookup.Provenance {
	if w.ReportedBy == "" {
		return lookup.Provenance{Source: "crossdock", AsOf: w.CreatedAt, Freshness: lookup.Cached}
	}
	return lookup.Provenance{Source: w.ReportedBy, AsOf: w.ReportedAt, Freshness: lookup.Cached}
}

// Tracking is where a shipment is on its way.
type Tracking string

// The tracking statuses. Adapters translate carriers' codes to them and keep the code beside.
const (
	LabelCreated   Tracking = "LABEL_CREATED"
	PickedUp       Tracking = "PICKED_UP"
	InTransit      Tracking = "IN_TRANSIT"
	OutForDelivery Tracking = "OUT_FOR_DELIVERY"
	Attempted      Tracking = "DELIVERY_ATTEMPTED"
	Delayed        Tracking = "DELAYED"
	Damaged        Tracking = "DAMAGED"
	Lost           Tracking = "LOST"
	Delivered      Tracking = "DELIVERED"
	Unknown        Tracking = "UNKNOWN"
)

func (t Tracking) rank() int {
	return slices.Index([]Tracking{Unknown, LabelCreated, PickedUp, InTransit, Delayed, Damaged, Attempted, OutForDelivery, Lost, Delivered}, t)
}

// TrackingEvent is one scan of a carrier.
type TrackingEvent struct {
	Status     Tracking  `json:"status"`
	RawCode    string    `json:"rawCode"`
	OccurredAt time.Time `json:"occurredAt"`
	ReceivedAt time.Time `json:"receivedAt"`
	Location   string    `json:"location,omitempty"`
	Message    string    `json:"message,omitempty"`
}

// Shipment is what a node sent at one time under one tracking number.
type Shipment struct {
	ID             string          `json:"id"`
	Number         string          `json:"number"`
	Order          trade.OrderID   `json:"order"`
	OrderNumber    string          `json:"orderNumber"`
	Account        trade.AccountID `json:"account"`
	Work           string          `json:"work"`
	WorkNumber     string          `json:"workNumber"`
	Node           trade.NodeID    `json:"node"`
	Source         string          `json:"source"`
	SourceRef      string          `json:"sourceRef"`
	Carrier        string          `json:"carrier,omitempty"`
	Service        string          `json:"service,omitempty"`
	TrackingNumber string          `json:"trackingNumber,omitempty"`
	TrackingURL    string          `json:"trackingUrl,omitempty"`
	Parts          []trade.Part    `json:"parts"`
	Status         Tracking        `json:"status"`
	ShippedAt      time.Time       `json:"shippedAt"`
	DeliveredAt    *time.Time      `json:"deliveredAt,omitempty"`
	Events         []TrackingEvent `json:"events"`
	ObservedAt     time.Time       `json:"observedAt"`
	Version        int             `json:"version"`
}

// Provenance of a shipment as its node reported it.
func (s *Shipment) Provenance() lookup.Provenance {
	return lookup.Provenance{Source: s.Source, AsOf: s.ObservedAt, Freshness: lookup.Cached}
}

// Report is the whole state of a piece of work as its node tells it.
type Report struct {
	// Number is our number of the work, which nodes keep as their reference.
	Number    string
	Source    string
	NodeRef   string
	Status    WorkStatus
	Pick      PickStatus
	Reason    string
	Shipments []ReportedShipment
}

// ReportedShipment is one shipment of a report. Parts without a line number are by SKU.
type ReportedShipment struct {
	Ref, Carrier, Service, TrackingNumber, TrackingURL string
	ShippedAt                                          time.Time
	Parts                                              []trade.Part
	Events                                             []TrackingEvent
}

// Fulfiller is a system that does the work at some nodes. All methods are safe for concurrent
// use and none retries.
type Fulfiller interface {
	// Release hands the work over under its number and returns the node's reference. Repeating a
	// number never makes a second piece of work: it answers the first, or fails with
	// fault.Conflict.
	Release(ctx context.Context, w Work) (ref string, err error)
	// Reports returns the state of the works with these numbers.
	Reports(ctx context.Context, node trade.NodeID, numbers []string) (lookup.Answers[string, Report], error)
	// Recall asks to stop the work; false means that it is too late.
	Recall(ctx context.Context, w Work) (bool, error)
}

// Historian is a system that knows what it sent for orders before we came.
type Historian interface {
	// Shipped returns what was sent for orders, by what their channels call them.
	Shipped(ctx context.Context, refs []string) (lookup.Answers[string, []ReportedShipment], error)
}

// Adopted is an order whose work was somebody else's.
type Adopted struct {
	ID      trade.OrderID
	Number  string
	Account trade.AccountID
}

// Adopt makes known what a system sent for an order before we came. We show it and do nothing. What is known already
// stays as it is.
func (s *Service) Adopt(ctx context.Context, o Adopted, source string, sent []ReportedShipment) error {
	return postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) error {
		for _, rs := range sent {
			known, err := s.store.shipmentByRef(ctx, tx, source, rs.Ref)
			if err != nil || known != nil {
				if err != nil {
					return err
				}
				continue
			}
			sh := &Shipment{
				ID: postgres.NewID(), Number: o.Number + "/" + rs.Ref, Order: o.ID, OrderNumber: o.Number, Account: o.Account, Source: source, SourceRef: rs.Ref,
				Carrier: rs.Carrier, Service: rs.Service, TrackingNumber: rs.TrackingNumber, TrackingURL: rs.TrackingURL, Parts: rs.Parts, Status: LabelCreated, ShippedAt: rs.ShippedAt, ObservedAt: s.now(), Version: 1,
			}
			for _, e := range rs.Events {
				sh.Events = append(sh.Events, e)
				if sh.Status = e.Status; e.Status == Delivered {
					sh.DeliveredAt = &e.OccurredAt
				}
			}
			if err := s.store.insertShipment(ctx, tx, sh); err != nil {
				return err
			}
		}
		return nil
	})
}

// Followup is what happens elsewhere when work moves on, in the same transaction.
type Followup interface {
	Released(ctx context.Context, tx postgres.Tx, w *Work) error
	Shipped(ctx context.Context, tx postgres.Tx, w *Work, s *Shipment) error
	Delivered(ctx context.Context, tx postgres.Tx, s *Shipment) error
	// Shorted gives parts back that the node could not send.
	Shorted(ctx context.Context, tx postgres.Tx, w *Work, parts []trade.Part) error
	// Stuck tells that the node cannot go on with the work and has not given it back.
	Stuck(ctx context.Context, tx postgres.Tx, w *Work) error
	// Recalled gives parts back that the node agreed not to send.
	Recalled(ctx context.Context, tx postgres.Tx, w *Work, parts []trade.Part) error
}

// unshipped is what of the work's parts has not been sent.
func (w *Work) unshipped() []trade.Part {
	var rest []trade.Part
	for _, p := range w.Parts {
		for _, s := range w.ShippedParts {
			if s.Line == p.Line {
				p.Quantity = trade.Less(p.Quantity, s.Quantity)
			}
		}
		if p.Quantity.IsPos() {
			rest = append(rest, p)
		}
	}
	return rest
}

// place gives reported parts their line numbers, filling lines of one SKU in order, and never
// more than the work still has to send.
func (w *Work) place(reported []trade.Part) []trade.Part {
	rest := w.unshipped()
	var out []trade.Part
	for _, r := range reported {
		left := r.Quantity
		for i := range rest {
			p := &rest[i]
			if p.SKU != r.SKU || (r.Line != 0 && r.Line != p.Line) || !left.IsPos() {
				continue
			}
			n := trade.Min(left, p.Quantity)
			if !n.IsPos() {
				continue
			}
			left, p.Quantity = trade.Less(left, n), trade.Less(p.Quantity, n)
			out = append(out, trade.Part{Line: p.Line, SKU: p.SKU, Quantity: n, Unit: p.Unit})
		}
	}
	return out
}

// ship books parts of a new shipment onto the work.
func (w *Work) ship(parts []trade.Part) {
	for _, p := range parts {
		i := slices.IndexFunc(w.ShippedParts, func(s trade.Part) bool { return s.Line == p.Line })
		if i < 0 {
			w.ShippedParts = append(w.ShippedParts, p)
			continue
		}
		w.ShippedParts[i].Quantity = trade.Sum(w.ShippedParts[i].Quantity, p.Quantity)
	}
}

// track adds scans that are not known yet and returns them. The status is that of the highest
// rank; delivery is final.
func (s *Shipment) track(scans []TrackingEvent, now time.Time) []TrackingEvent {
	var fresh []TrackingEvent
	for _, e := range scans {
		known := slices.ContainsFunc(s.Events, func(k TrackingEvent) bool {
			return k.RawCode == e.RawCode && k.OccurredAt.Equal(e.OccurredAt) && k.Location == e.Location
		})
		if known {
			continue
		}
		e.ReceivedAt = now
		s.Events = append(s.Events, e)
		fresh = append(fresh, e)
	}
	slices.SortStableFunc(s.Events, func(a, b TrackingEvent) int { return a.OccurredAt.Compare(b.OccurredAt) })
	for _, e := range s.Events {
		if e.Status.rank() > s.Status.rank() {
			s.Status = e.Status
		}
		if e.Status == Delivered && s.DeliveredAt == nil {
			at := e.OccurredAt
			s.DeliveredAt = &at
		}
	}
	return fresh
}

func (w *Work) event(typ event.Type, source string, at time.Time, details any) event.Event {
	e := event.New(event.Stream{Kind: "fulfillment_order", ID: w.ID}, typ, at, details)
	e.Source, e.AccountID, e.OrderID = source, string(w.Account), string(w.Order)
	return e
}

func (s *Shipment) event(typ event.Type, at time.Time, details any) event.Event {
	e := event.New(event.Stream{Kind: "shipment", ID: s.ID}, typ, at, details)
	e.Source, e.AccountID, e.OrderID = s.Source, string(s.Account), string(s.Order)
	return e
}

// Service holds the verbs of shipments.
type Service struct {
	store  *store
	follow Followup
	now    func() time.Time
}

// New returns the shipments of a database.
func New(pool *postgres.Pool, follow Followup, now func() time.Time) *Service {
	return &Service{&store{pool}, follow, now}
}

// Plan stores new work for a node in the caller's transaction.
func (s *Service) Plan(ctx context.Context, tx postgres.Tx, w *Work) error {
	w.ID, w.Status, w.Pick, w.CreatedAt, w.UpdatedAt, w.Version = postgres.NewID(), Open, NotStarted, s.now(), s.now(), 1
	return s.store.insertWork(ctx, tx, w, w.event("fulfillment.planned", "crossdock", w.CreatedAt, map[string]any{"number": w.Number, "node": w.Node, "parts": w.Parts}))
}

// Taken records that the node has taken the work under its reference.
func (s *Service) Taken(ctx context.Context, tx postgres.Tx, id, nodeRef string) error {
	return s.store.updateWork(ctx, tx, "id::text", id, func(w *Work) ([]event.Event, error) {
		if w.NodeRef != "" {
			return nil, nil
		}
		w.NodeRef, w.UpdatedAt = nodeRef, s.now()
		return []event.Event{w.event("fulfillment.released", "crossdock", w.UpdatedAt, map[string]any{"number": w.Number, "node": w.Node, "nodeRef": nodeRef})}, s.follow.Released(ctx, tx, w)
	})
}

// GivenBack records that the node will not do what is left of the work.
func (s *Service) GivenBack(ctx context.Context, tx postgres.Tx, id string) error {
	return s.store.updateWork(ctx, tx, "id::text", id, func(w *Work) ([]event.Event, error) { return s.recalled(ctx, tx, w, "crossdock") })
}

// Failed records that the node will not do what is left of the work, and that it must be done
// elsewhere.
func (s *Service) Failed(ctx context.Context, tx postgres.Tx, id, reason string) error {
	return s.store.updateWork(ctx, tx, "id::text", id, func(w *Work) ([]event.Event, error) {
		if w.Status.final() {
			return nil, nil
		}
		return s.incomplete(ctx, tx, w, "crossdock", reason)
	})
}

func (s *Service) incomplete(ctx context.Context, tx postgres.Tx, w *Work, source, reason string) ([]event.Event, error) {
	rest := w.unshipped()
	w.Status, w.Reason, w.UpdatedAt = Incomplete, reason, s.now()
	return []event.Event{w.event("fulfillment.incomplete", source, w.UpdatedAt, map[string]any{"number": w.Number, "reason": reason, "parts": rest})}, s.follow.Shorted(ctx, tx, w, rest)
}

func (s *Service) recalled(ctx context.Context, tx postgres.Tx, w *Work, source string) ([]event.Event, error) {
	if w.Status.final() {
		return nil, nil
	}
	rest := w.unshipped()
	w.Status, w.UpdatedAt = Cancelled, s.now()
	return []event.Event{w.event("fulfillment.cancelled", source, w.UpdatedAt, map[string]any{"number": w.Number, "parts": rest})}, s.follow.Recalled(ctx, tx, w, rest)
}

// Observe takes in what a node reports of a piece of work. Reports may come late, twice and in
// any order. It fails with fault.NotFound when the number is not one of ours.
func (s *Service) Observe(ctx context.Context, r Report) error {
	return s.store.inTx(ctx, func(tx postgres.Tx) error {
		return s.store.updateWork(ctx, tx, "number", r.Number, func(w *Work) ([]event.Event, error) {
			return s.difference(ctx, tx, w, r)
		})
	})
}

func (s *Service) difference(ctx context.Context, tx postgres.Tx, w *Work, r Report) ([]event.Event, error) {
	now := s.now()
	w.ReportedBy, w.ReportedAt = r.Source, now
	var events []event.Event
	if w.NodeRef == "" && r.NodeRef != "" {
		// The report overtook the answer to our release.
		w.NodeRef, w.UpdatedAt = r.NodeRef, now
		events = append(events, w.event("fulfillment.released", r.Source, now, map[string]any{"number": w.Number, "node": w.Node, "nodeRef": r.NodeRef}))
		if err := s.follow.Released(ctx, tx, w); err != nil {
			return nil, err
		}
	}
	if r.Pick.rank() > w.Pick.rank() && !w.Status.final() {
		w.Pick, w.UpdatedAt = r.Pick, now
		events = append(events, w.event(event.Type("fulfillment."+strings.ToLower(string(r.Pick))), r.Source, now, map[string]any{"number": w.Number, "node": w.Node}))
	}
	for _, sh := range r.Shipments {
		more, err := s.shipment(ctx, tx, w, r, sh, now)
		if err != nil {
			return nil, err
		}
		events = append(events, more...)
	}
	if w.Status.final() {
		return events, nil
	}
	rest := w.unshipped()
	switch {
	case len(rest) == 0:
		w.Status = Shipped
		events = append(events, w.event("fulfillment.shipped", r.Source, now, map[string]any{"number": w.Number}))
	case r.Status == Cancelled:
		more, err := s.recalled(ctx, tx, w, r.Source)
		return append(events, more...), err
	case r.Status == Incomplete, r.Status == Shipped:
		more, err := s.incomplete(ctx, tx, w, r.Source, r.Reason)
		return append(events, more...), err
	case r.Reason != "" && w.Reason == "":
		w.Reason, w.UpdatedAt = r.Reason, now
		events = append(events, w.event("fulfillment.stuck", r.Source, now, map[string]any{"number": w.Number, "reason": r.Reason}))
		return events, s.follow.Stuck(ctx, tx, w)
	case len(w.ShippedParts) > 0:
		w.Status = PartiallyShipped
	case r.Status == InProgress:
		w.Status = InProgress
	}
	return events, nil
}

// shipment takes in one reported shipment: new, or with news of its way.
func (s *Service) shipment(ctx context.Context, tx postgres.Tx, w *Work, r Report, rs ReportedShipment, now time.Time) ([]event.Event, error) {
	sh, err := s.store.shipmentByRef(ctx, tx, r.Source, rs.Ref)
	if err != nil {
		return nil, err
	}
	var events []event.Event
	if sh == nil {
		parts := w.place(rs.Parts)
		if len(parts) == 0 {
			return nil, fault.New(fault.Conflict, "shipment %s of work %s holds nothing that the work asks for", rs.Ref, w.Number).From(r.Source)
		}
		sh = &Shipment{
			ID: postgres.NewID(), Number: w.Number + "/" + rs.Ref, Order: w.Order, OrderNumber: w.OrderNumber, Account: w.Account, Work: w.ID, WorkNumber: w.Number, Node: w.Node,
			Source: r.Source, SourceRef: rs.Ref, Carrier: rs.Carrier, Service: rs.Service, TrackingNumber: rs.TrackingNumber, TrackingURL: rs.TrackingURL,
			Parts: parts, Status: LabelCreated, ShippedAt: rs.ShippedAt, ObservedAt: now, Version: 1,
		}
		w.ship(parts)
		w.UpdatedAt = now
		if err := s.store.insertShipment(ctx, tx, sh); err != nil {
			return nil, err
		}
		if err := postgres.Append(ctx, tx, sh.event("shipment.shipped", rs.ShippedAt, map[string]any{"number": sh.Number, "node": sh.Node, "carrier": sh.Carrier, "trackingNumber": sh.TrackingNumber, "trackingUrl": sh.TrackingURL, "parts": sh.Parts})); err != nil {
			return nil, err
		}
		if err := s.follow.Shipped(ctx, tx, w, sh); err != nil {
			return nil, err
		}
	}
	late := rs.TrackingNumber != "" && sh.TrackingNumber == ""
	if late {
		sh.Carrier, sh.Service, sh.TrackingNumber, sh.TrackingURL = rs.Carrier, rs.Service, rs.TrackingNumber, rs.TrackingURL
		events = append(events, sh.event("shipment.tracking_assigned", now, map[string]any{"number": sh.Number, "carrier": sh.Carrier, "trackingNumber": sh.TrackingNumber}))
	}
	before := sh.Status
	fresh := sh.track(rs.Events, now)
	if len(fresh) == 0 && !late {
		return events, nil
	}
	sh.ObservedAt = now
	sh.Version++
	for _, e := range fresh {
		typ := event.Type("shipment.tracking")
		if e.Status == Delivered {
			typ = "shipment.delivered"
		}
		ev := sh.event(typ, e.OccurredAt, map[string]any{"number": sh.Number, "status": e.Status, "rawCode": e.RawCode, "location": e.Location, "message": e.Message, "trackingNumber": sh.TrackingNumber})
		events = append(events, ev)
	}
	if err := s.store.saveShipment(ctx, tx, sh); err != nil {
		return nil, err
	}
	if sh.Status == Delivered && before != Delivered {
		return events, s.follow.Delivered(ctx, tx, sh)
	}
	return events, nil
}

// OpenWork returns works at the node that are not finished, or finished and still on the road.
func (s *Service) OpenWork(ctx context.Context, node trade.NodeID, limit int) ([]string, error) {
	return s.store.openWork(ctx, node, limit)
}

// WorkByID returns the works with these ids that the viewer may see.
func (s *Service) WorkByID(ctx context.Context, who trade.Viewer, ids []string) (map[string]*Work, error) {
	return s.store.workByID(ctx, who, ids)
}

// WorkByOrder returns the works of each order that the viewer may see.
func (s *Service) WorkByOrder(ctx context.Context, who trade.Viewer, orders []trade.OrderID) (map[trade.OrderID][]*Work, error) {
	return s.store.workByOrder(ctx, who, orders)
}

// ByOrder returns the shipments of each order that the viewer may see.
func (s *Service) ByOrder(ctx context.Context, who trade.Viewer, orders []trade.OrderID) (map[trade.OrderID][]*Shipment, error) {
	return s.store.byOrder(ctx, who, orders)
}

// ByID returns the shipments with these ids that the viewer may see.
func (s *Service) ByID(ctx context.Context, who trade.Viewer, ids []string) (map[string]*Shipment, error) {
	return s.store.byID(ctx, who, ids)
}

// List returns the newest shipments that the viewer may see.
func (s *Service) List(ctx context.Context, who trade.Viewer, first int, after string) ([]*Shipment, bool, error) {
	return s.store.list(ctx, who, first, after)
}

// Notifier is a storefront that shows its customers what was sent.
type Notifier interface {
	// Fulfil records the shipment on the shop's order. Repeating it records nothing twice.
	Fulfil(ctx context.Context, shopOrder string, s *Shipment) error
}

// WorkInTx returns the works of an order as the transaction sees them, in order of number.
func (s *Service) WorkInTx(ctx context.Context, tx postgres.Tx, order trade.OrderID) ([]*Work, error) {
	return s.store.workInTx(ctx, tx, order)
}

// Unplan ends work that its node never heard of.
func (s *Service) Unplan(ctx context.Context, tx postgres.Tx, id string) error {
	return s.store.updateWork(ctx, tx, "id::text", id, func(w *Work) ([]event.Event, error) {
		w.Status, w.UpdatedAt = Cancelled, s.now()
		return []event.Event{w.event("fulfillment.cancelled", "crossdock", w.UpdatedAt, map[string]any{"number": w.Number})}, nil
	})
}
