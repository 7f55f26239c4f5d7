// Package inventory answers what can be promised, and promises it.
//
// A node's own figure says what lies there and what the node has set aside. A reservation is
// what we promised and the node's figure does not include yet. The two are handed over by time:
//
//	available = on hand − allocated by the node − reservations − safety
//
// Every figure carries the window in which it was read and every reservation the window in
// which it was released to its node, both by the database's clock. A figure read wholly after
// the release includes the work: adopting it ends the reservation. A figure read wholly before
// does not: the reservation stays. A figure that overlaps a release may be either, so it is not
// adopted and the one before it stays in use. So, at every moment, each promised unit counts
// exactly once. A node whose figures lag behind what happens there is configured so: what it
// tells was read in a window that began as much earlier.
package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Key is one item at one node.
type Key struct {
	Node trade.NodeID
	SKU  trade.SKU
}

// Figure is what a node says of an item, in the item's base unit.
type Figure struct {
	Key       Key
	Source    string
	Unit      trade.Unit
	OnHand    trade.Decimal
	Allocated trade.Decimal
	Inbound   trade.Decimal
}

// Free is what the node itself has not set aside, never less than zero.
func (f Figure) Free() trade.Decimal { return trade.Less(f.OnHand, f.Allocated).Max(trade.Decimal{}) }

// Source is a system that knows what lies at some nodes. It answers in bulk and concurrently, each key in its place, none of which
// repeat; keys of other nodes and of unknown items do not exist for it.
type Source interface {
	Stock(ctx context.Context, keys []Key) ([]lookup.Result[Figure], error)
}

// Lot is what lies at a node of one lot of an item: made or received together, and traceable by its number.
type Lot struct {
	Number string
	OnHand trade.Quantity
	// Expires is the last day on which it may be used; empty where it has none, or the node does not tell.
	Expires trade.Date
	// Blocked is whether the node does not send of it.
	Blocked bool
}

// LotSource is a source that knows lots. Of items that are not kept in lots it says that they do not exist.
type LotSource interface {
	Lots(ctx context.Context, keys []Key) ([]lookup.Result[[]Lot], error)
}

// Node is a place that fulfils.
type Node struct {
	ID       trade.NodeID `json:"id"`
	Name     string       `json:"name"`
	Source   string       `json:"source"`
	Location string       `json:"location"`
	Kind     string       `json:"kind"`
	// Priority orders nodes for sourcing; the lowest is asked first.
	Priority int           `json:"priority"`
	TimeZone string        `json:"timeZone"`
	Safety   trade.Decimal `json:"safety"`
	// Lag is how long it may take until what happens at the node shows in what it tells.
	Lag time.Duration `json:"lag"`
	// Calendar is when it sends, and how much.
	Calendar Calendar `json:"calendar"`
	// Near are the countries, or countries and regions such as US-NY, that it is near to.
	Near []string `json:"near,omitempty"`
	// Cost is what sending an order from there costs beside what every node costs.
	Cost trade.Decimal `json:"cost"`
	// Refuses are categories of items that it does not handle.
	Refuses []string `json:"refuses,omitempty"`
	// Services are how it can send, by the names that orders ask for.
	Services []CarrierService `json:"services,omitempty"`
}

// CarrierService is a way in which a node can send.
type CarrierService struct {
	Name string `json:"name"`
	// Code is what the node's system calls it.
	Code string `json:"code"`
	// Refuses are categories of items that are not sent so.
	Refuses []string `json:"refuses,omitempty"`
}

// Service is the node's service of a name.
func (n Node) Service(name string) (CarrierService, bool) {
	i := slices.IndexFunc(n.Services, func(s CarrierService) bool { return s.Name == name })
	if i < 0 {
		return CarrierService{}, false
	}
	return n.Services[i], true
}

// AtNode is what one node can promise of an item.
type AtNode struct {
	Node      *Node
	Available trade.Quantity

	figure    *seen
	freshness lookup.Freshness
}

// Provenance is where the figure is from.
func (n *AtNode) Provenance() lookup.Provenance {
	return lookup.Provenance{Source: n.figure.Source, AsOf: n.figure.asOf(n.Node), Freshness: n.freshness}
}

func (n *AtNode) quantity(d trade.Decimal) trade.Quantity {
	return trade.Quantity{Value: d, Unit: n.Available.Unit}
}

// SKU is the item.
func (n *AtNode) SKU() trade.SKU { return n.figure.Key.SKU }

// OnHand is what lies there.
func (n *AtNode) OnHand() trade.Quantity { return n.quantity(n.figure.OnHand) }

// Allocated is what the node has set aside.
func (n *AtNode) Allocated() trade.Quantity { return n.quantity(n.figure.Allocated) }

// Reserved is what we promised and the figure does not include.
func (n *AtNode) Reserved() trade.Quantity { return n.quantity(n.figure.reserved) }

// Safety is what the node keeps and never promises.
func (n *AtNode) Safety() trade.Quantity { return n.quantity(n.Node.Safety) }

// Inbound is what is on its way there.
func (n *AtNode) Inbound() trade.Quantity { return n.quantity(n.figure.Inbound) }

// NodeID is the node's id.
func (n *AtNode) NodeID() trade.NodeID { return n.Node.ID }

// NodeName is what people call the node.
func (n *AtNode) NodeName() string { return n.Node.Name }

// Unknown is a node that could not be asked and of which nothing is known.
type Unknown struct {
	Node *Node
	Err  error
}

// NodeID is the node's id.
func (u *Unknown) NodeID() trade.NodeID { return u.Node.ID }

// Code is the kind of the failure.
func (u *Unknown) Code() string { return string(fault.KindOf(u.Err)) }

// Availability is what can be promised of an item over all nodes.
type Availability struct {
	SKU       trade.SKU
	Available trade.Quantity
	Nodes     []AtNode
	// Unknown lists nodes whose figure is missing: Available is then a lower bound.
	Unknown []Unknown

	channels []Channel
}

// Channel is a storefront that is told of stock.
type Channel struct {
	Name string
	// Buffer is how much of each item it is not told of. Its orders are taken out of that all the same: it is there for what is
	// sold before the storefront hears that there is less.
	Buffer trade.Decimal
}

// Told is what the channel is told of so much that can be promised.
func (c Channel) Told(available trade.Decimal) trade.Decimal {
	return trade.Less(available, c.Buffer).Max(trade.Decimal{}).Trim(0)
}

// AtChannel is what a channel is told of an item.
type AtChannel struct {
	Channel   string
	Buffer    trade.Quantity
	Available trade.Quantity
}

// Channels are what the channels are told of the item, with what is kept back.
func (a *Availability) Channels() []AtChannel {
	out := make([]AtChannel, len(a.channels))
	for i, c := range a.channels {
		of := func(d trade.Decimal) trade.Quantity { return trade.Quantity{Value: d, Unit: a.Available.Unit} }
		out[i] = AtChannel{c.Name, of(c.Buffer), of(c.Told(a.Available.Value))}
	}
	return out
}

// Complete reports whether every node's figure is in the sum.
func (a *Availability) Complete() bool { return len(a.Unknown) == 0 }

// Oversold is an item of which more is promised from a node, and on no way to it, than it has. Short is how much, zero when it is no
// longer.
type Oversold struct {
	Key
	Short trade.Decimal
	Has   trade.Decimal
}

// TellOversold has somebody told of items that are oversold, and of those that are no longer, in the transaction that finds out.
func (s *Service) TellOversold(tell func(ctx context.Context, tx postgres.Tx, o Oversold) error) {
	s.store.oversold = tell
}

// Promise is a quantity of an order line at one node.
type Promise struct {
	Line     int
	Node     trade.NodeID
	Quantity trade.Decimal
}

// Service holds the verbs of inventory.
type Service struct {
	store    *store
	standing *standing
	source   Source
	nodes    []Node
	// stale bounds the age of a figure that stock is promised from, ages that of one that is shown.
	stale time.Duration
	ages  lookup.Ages
	// Channels are told of what can be promised.
	Channels []Channel
	// looking is what is shown to somebody, shared. A promise is made from a read of its own.
	looking *lookup.Flights[Key, *seen]
}

// Nodes are the configured nodes, in order of priority.
func (s *Service) Nodes() []Node { return s.nodes }

// Node returns the node with the id.
func (s *Service) Node(id trade.NodeID) (Node, bool) {
	return node(s.nodes, id)
}

func node(nodes []Node, id trade.NodeID) (Node, bool) {
	i := slices.IndexFunc(nodes, func(n Node) bool { return n.ID == id })
	if i < 0 {
		return Node{}, false
	}
	return nodes[i], true
}

// keys are those of items at all nodes, each once.
func (s *Service) keys(skus []trade.SKU) []Key { return s.standing.everywhere(lookup.Unique(skus)) }

// Availability returns what can be promised of each item. It asks the nodes for figures that are not young enough
// for the caller; where a node does not answer it gives what was last known, and says so, unless the caller
// refuses that.
func (s *Service) Availability(ctx context.Context, skus []trade.SKU) ([]lookup.Result[*Availability], error) {
	return lookup.Once(s.availability)(ctx, skus)
}

// availability is Availability of distinct items.
func (s *Service) availability(ctx context.Context, items []trade.SKU) ([]lookup.Result[*Availability], error) {
	figures, err := s.figures(ctx, s.standing.everywhere(items))
	if err != nil {
		return nil, err
	}
	return s.assemble(ctx, items, figures), nil
}

// figures are the figures of keys: those at hand that are young enough for the caller, and what the nodes say.
func (s *Service) figures(ctx context.Context, keys []Key) ([]lookup.Result[*seen], error) {
	fresh, stale := s.ages.For(ctx)
	if stale <= 0 {
		return s.asked(ctx, keys)
	}
	known, now, err := s.standing.figures(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := make([]lookup.Result[*seen], len(keys))
	for i, c := range known {
		show(&out[i], c)
	}
	ask, behind := lookup.Sort(keys, fresh, stale, func(i int) (time.Duration, bool) {
		if c := known[i]; c.shown() {
			return c.age(now.theirs), true
		}
		return 0, false
	})
	s.looking.Start(ctx, behind)
	if len(ask) == 0 {
		return out, nil
	}
	asked, err := s.looking.Ask(ctx, lookup.At(keys, ask))
	for i, r := range asked {
		if show(&r, known[ask[i]]); r.OK || r.Err != nil {
			out[ask[i]] = r
		}
	}
	return out, err
}

// asked are figures that the nodes are asked for. Beside a failure is the figure at hand, if there is one.
func (s *Service) asked(ctx context.Context, keys []Key) ([]lookup.Result[*seen], error) {
	out, err := s.looking.Ask(ctx, keys)
	if err != nil || lookup.Failure(out) == nil {
		return out, err
	}
	known, _, err := s.standing.figures(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, c := range known {
		show(&out[i], c)
	}
	return out, nil
}

// show gives a result that has nothing the figure at hand, if there is one.
func show(r *lookup.Result[*seen], c *counted) {
	if c != nil && r.Value == nil {
		r.Value, r.OK = &seen{counted: c, read: &c.Read}, true
	}
}

// assemble sums up the figures of items, which are of each item at all nodes in turn. A figure read since the nodes were asked is live:
// one that overlaps work on its way is not adopted, and the one before it stays.
func (s *Service) assemble(ctx context.Context, items []trade.SKU, figures []lookup.Result[*seen]) []lookup.Result[*Availability] {
	out := make([]lookup.Result[*Availability], len(items))
	list, nodes := make([]Availability, len(items)), make([]AtNode, 0, len(figures))
	for item, sku := range items {
		of := figures[item*len(s.nodes):][:len(s.nodes)]
		unit := trade.Unit("") // by the last node that names one: not every system does
		for _, f := range of {
			if f.Value != nil && f.Value.Unit != "" {
				unit = f.Value.Unit
			}
		}
		a := &list[item]
		*a = Availability{SKU: sku, Available: trade.Quantity{Unit: unit}, channels: s.Channels}
		for i, f := range of {
			n := &s.nodes[i]
			nothing := f.Value == nil || f.Value.Source == ""
			if f.Err != nil && (nothing || !s.ages.ShowsLastKnown(ctx, time.Since(f.Value.asOf(n)))) {
				a.Unknown = append(a.Unknown, Unknown{n, f.Err})
				continue
			}
			if nothing {
				continue
			}
			at := AtNode{Node: n, figure: f.Value, Available: trade.Quantity{Value: f.Value.free(n.Safety), Unit: unit}, freshness: lookup.Cached}
			switch {
			case f.Err != nil:
				at.freshness = lookup.LastKnown
			case f.Value.live:
				at.freshness = lookup.Live
			}
			a.Available.Value = trade.Sum(a.Available.Value, at.Available.Value)
			nodes = append(nodes, at)
		}
		a.Nodes, nodes = slices.Clip(nodes), nodes[len(nodes):]
		if len(a.Nodes) > 0 || len(a.Unknown) > 0 {
			out[item] = lookup.Result[*Availability]{Value: a, OK: true}
		}
	}
	return out
}

// Lots asks the nodes for the lots of items. For a node that does not tell they do not exist.
func (s *Service) Lots(ctx context.Context, keys []Key) ([]lookup.Result[[]Lot], error) {
	lots, ok := s.source.(LotSource)
	if !ok {
		return make([]lookup.Result[[]Lot], len(keys)), nil
	}
	return lookup.Once(lots.Lots)(ctx, keys)
}

// Refresh reads the items' figures from every node, but for those at hand that are young enough for a caller that says how old they
// may be, and returns the nodes that did not answer. read is false when all were young enough.
func (s *Service) Refresh(ctx context.Context, skus []trade.SKU, known Known) (failed map[trade.NodeID]error, read bool, err error) {
	keys := s.keys(skus)
	if age, ok := lookup.MaxAge(ctx); ok && age > 0 {
		keys = slices.DeleteFunc(keys, func(k Key) bool {
			c := known.figures[k]
			return c.shown() && c.age(known.now) <= age
		})
	}
	failed = map[trade.NodeID]error{}
	if len(keys) == 0 {
		return failed, false, nil
	}
	asked, figures, err := s.ask(ctx, keys)
	if err != nil {
		return nil, false, err
	}
	for i, f := range figures {
		if f.Err != nil {
			failed[keys[i].Node] = f.Err
		}
	}
	after, err := s.standing.look(lookup.AsOfNow(ctx))
	if err != nil {
		return nil, false, err
	}
	return failed, true, s.store.adopt(ctx, asked.start(after), keys, figures)
}

// seen is a figure that somebody has found, and when it was read. It is live when that was when he looked.
type seen struct {
	*counted
	read *lookup.Window
	live bool
}

// asOf is when the figure was true.
func (s *seen) asOf(n *Node) time.Time { return s.read.End.Add(-n.Lag) }

// look asks the source for figures to be shown, and adopts them as far as they are certain. One that is the same as when
// it was adopted a little while ago, and still stands in the table as it was adopted, is shown as read now. Adopting it
// would also end the reservations that it includes; that can wait until it is adopted again.
func (s *Service) look(ctx context.Context, keys []Key) ([]lookup.Result[*seen], error) {
	asked, figures, err := s.ask(ctx, keys)
	if err != nil {
		return nil, err
	}
	after, err := s.standing.look(ctx)
	if err != nil {
		return nil, err
	}
	window := lookup.Window{Start: asked.start(after), End: after.theirs}
	list, err := s.standing.looked(ctx, keys)
	if err != nil {
		return nil, err
	}
	out, all := make([]lookup.Result[*seen], len(keys)), make([]seen, len(keys))
	found := func(i int, c *counted, read *lookup.Window, live bool) {
		all[i] = seen{c, read, live}
		out[i].Value, out[i].OK = &all[i], true
	}
	var adopt []int
	for i, c := range s.unchanged(ctx, list, figures, window.Start) {
		if c != nil {
			found(i, c, &window, true)
		} else if out[i].Err = figures[i].Err; out[i].Err == nil {
			adopt = append(adopt, i)
		}
	}
	if len(adopt) == 0 {
		return out, nil
	}
	ctx = lookup.AsOfNow(ctx)
	start := window.Start
	if after.reckoned { // what is promised from goes by the clock that says so now
		if after, err = s.standing.look(ctx); err != nil {
			return nil, err
		}
		start = asked.start(after)
	}
	changed := lookup.At(keys, adopt)
	if err := s.store.adopt(ctx, start, changed, lookup.At(figures, adopt)); err != nil {
		return nil, err
	}
	if list, _, err = s.standing.figures(ctx, changed); err != nil {
		return nil, err
	}
	for i, c := range list {
		if c != nil {
			found(adopt[i], c, &c.Read, !c.Read.Start.Before(start))
		}
	}
	return out, nil
}

// unchanged are, of figures that stand, those that were adopted a little while ago and that the nodes say again, nil in place of the
// others. Where there are others, and a transaction is due anyway, it takes along those that will soon be. No figure of which something
// is reserved goes without being adopted for more than a minute: until then the reservations that it includes count twice.
func (s *Service) unchanged(ctx context.Context, list []*counted, figures []lookup.Result[Figure], now time.Time) []*counted {
	while := min(s.ages.Again(), s.stale/4) // for the rest of that time stock is promised from it
	if age, ok := lookup.MaxAge(ctx); ok && age > 0 {
		while = min(while, age)
	}
	goes := func(c *counted) time.Duration {
		if c.reserved.IsZero() {
			return while
		}
		return min(while, time.Minute)
	}
	out := make([]*counted, len(list))
	others := false
	for i := range figures {
		f := &figures[i]
		if f.Err != nil {
			continue
		}
		if c := list[i]; c.shown() && c.age(now) < goes(c) && c.same(&f.Value, f.OK) {
			out[i] = c
		} else {
			others = true
		}
	}
	for i, c := range out {
		if others && c != nil && c.age(now) > goes(c)/2 {
			out[i] = nil
		}
	}
	return out
}

// same reports whether a node says again what was adopted.
func (c *counted) same(f *Figure, has bool) bool {
	if !has || c.Source == "" {
		return !has && c.Source == ""
	}
	return c.Source == f.Source && c.Unit == f.Unit && c.OnHand.Equal(f.OnHand) && c.Allocated.Equal(f.Allocated) && c.Inbound.Equal(f.Inbound)
}

// asked is when the nodes were asked, and what the database's clock said before.
type asked struct {
	before moment
	at     time.Time
}

// start is when they were asked by the database's clock, or a little before: one of the clocks may be set, or stand still, while the
// question is under way, and they drift apart over long times.
func (a asked) start(after moment) time.Time {
	start := a.before.at(a.at)
	if at := after.at(a.at); at.Before(start) {
		return at
	}
	return start
}

// ask asks the source for figures.
func (s *Service) ask(ctx context.Context, keys []Key) (asked, []lookup.Result[Figure], error) {
	before, err := s.standing.lastly(ctx)
	if err != nil {
		return asked{}, nil, err
	}
	began := time.Now()
	figures, err := s.source.Stock(ctx, keys)
	if err != nil {
		return asked{}, nil, fmt.Errorf("stock: %w", err)
	}
	return asked{before, began}, figures, nil
}

// Outdate says that something has happened at a node that its figures of these items do not know of: goods left,
// or came back. They are read again before anybody is shown them, or shown as last known.
func (s *Service) Outdate(ctx context.Context, tx postgres.Tx, node trade.NodeID, skus []trade.SKU) error {
	return s.store.outdate(ctx, tx, node, skus)
}

// free is what may be promised from the figure beside what the node keeps for safety.
func (c *counted) free(safety trade.Decimal) trade.Decimal {
	return trade.Less(c.Free(), trade.Sum(c.reserved, safety)).Max(trade.Decimal{})
}

// Forget drops what was noted for processes that by now have all looked at it. It is to be called every ForgetEvery.
func (s *Service) Forget(ctx context.Context) error { return s.standing.forget(ctx) }

// Publisher is a storefront that shows what is available.
type Publisher interface {
	// PublishStock sets what the shop may sell of each item.
	PublishStock(ctx context.Context, available map[trade.SKU]trade.Decimal) error
}

// Comparer is a publisher that compares what it is told with what the shop has. It is told everything every
// time, since what the shop has changes without us.
type Comparer interface {
	Publisher
	Compares()
}

// Ages are how old what is shown may be.
func (s *Service) Ages() lookup.Ages { return s.ages }
