package orders

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Gatherer asks the owners of the facts about a draft, at once and in bulk. A source that does
// not answer is a Missing fact, not an error. It also refreshes the figures that Reserver and
// Exposure decide on.
type Gatherer interface {
	Gather(ctx context.Context, d Draft, n Needs) Facts
}

// Needs are facts that only some decisions need.
type Needs struct {
	// Lots tells of which items it matters which lots lie at nodes; nil where it does of none.
	Lots func(ItemFact) bool
}

// Want is a quantity of a line to promise from somewhere.
type Want struct {
	Line     int
	SKU      trade.SKU
	Category string
	Quantity trade.Decimal
	// Single is whether all of it comes from one place.
	Single bool
	// Anyhow is whether it is sent as its node likes, whatever the service: nobody sends it by that, which holds it already.
	Anyhow bool
}

// Sourcing is what an order wants, and what it is sourced by.
type Sourcing struct {
	Wants []Want
	// Avoid are nodes that nothing is to be promised from.
	Avoid  []trade.NodeID
	ShipTo trade.Address
	// Wanted is the day that the goods are wanted; empty for as soon as can be.
	Wanted trade.Date
	// Service is how they are sent; empty for how each node likes.
	Service  string
	Criteria []trade.Criterion
	// MaxNodes bounds the nodes that send; 0 does not.
	MaxNodes int
	// Eligible is how much of what lies at nodes may be sent, of items of which not every lot may.
	Eligible map[trade.SKU]map[trade.NodeID]trade.Decimal
}

// Sourced is what was promised by line, and why so, as JSON for whoever must explain it.
type Sourced struct {
	Lines map[int][]Allocation
	// Ships is the first day by which all of it can have been sent; empty when nothing was promised.
	Ships trade.Date
	Plan  json.RawMessage
}

// Reserver promises stock in the caller's transaction. What it cannot promise is missing from
// its answer. Concurrent transactions never promise the same unit.
type Reserver interface {
	Reserve(ctx context.Context, tx postgres.Tx, order trade.OrderID, s Sourcing) (Sourced, error)
	// Simulate is what Reserve would answer now. It promises nothing.
	Simulate(ctx context.Context, s Sourcing) (Sourced, error)
	// Adjust shrinks the order's promises to these allocations by line. What is on its way to a
	// node stays counted until the node's own figure tells.
	Adjust(ctx context.Context, tx postgres.Tx, order trade.OrderID, allocations map[int][]Allocation) error
}

// Exposure counts an order against its account's credit in the caller's transaction.
type Exposure interface {
	// Expose returns the position before this order and counts the amount from now on.
	Expose(ctx context.Context, tx postgres.Tx, account trade.AccountID, order trade.OrderID, amount trade.Money) (CreditPosition, error)
	// Owed is the position with everything that is counted, and counts nothing.
	Owed(ctx context.Context, tx postgres.Tx, account trade.AccountID) (CreditPosition, error)
	// Unexpose stops counting the order, unless it is on its way to the ERP.
	Unexpose(ctx context.Context, tx postgres.Tx, order trade.OrderID) error
}

// Dispatcher starts the processes that follow a decision, in its transaction.
type Dispatcher interface {
	// Accepted sends allocated quantities to their nodes and the order to the ERP.
	Accepted(ctx context.Context, tx postgres.Tx, o *Order) error
	// LetGo tells that a person has let something go that held the order.
	LetGo(ctx context.Context, tx postgres.Tx, o *Order) error
	// Decided tells the channel what became of its order.
	Decided(ctx context.Context, tx postgres.Tx, o *Order) error
	// Unknown tells of items of an order that cannot be refused which nobody knows.
	Unknown(ctx context.Context, tx postgres.Tx, o *Order, skus []trade.SKU) error
	// Kept is what nodes have sent, have, or may have, by line and node.
	Kept(ctx context.Context, tx postgres.Tx, o *Order) (map[int]map[trade.NodeID]trade.Decimal, error)
	// GaveBack are the nodes that have lately given work of the order back, for want of stock or because
	// they would not do it.
	GaveBack(ctx context.Context, tx postgres.Tx, o *Order) ([]trade.NodeID, error)
	// Cancelling takes back what no node has heard of and recalls the rest, which it returns by
	// line and node: what nodes have sent, have, or may have.
	Cancelling(ctx context.Context, tx postgres.Tx, o *Order) (map[int]map[trade.NodeID]trade.Decimal, error)
	// Cancelled gives the order up at the ERP when nothing of it is left.
	Cancelled(ctx context.Context, tx postgres.Tx, o *Order) error
}

// Answer is what intake says to the caller, kept for replays.
type Answer struct {
	Decision Decision      `json:"decision"`
	OrderID  trade.OrderID `json:"orderId,omitempty"`
	Findings []Finding     `json:"findings"`
	// Replayed is true when this key was answered before.
	Replayed bool `json:"-"`
	// Order is the order as this call decided it; nil on a replay.
	Order *Order `json:"-"`
}

// claimTime bounds one run of intake; a claim older than this was left by a crash.
const claimTime = 30 * time.Second

// reviewAfter is how long a hold keeps its reservation before somebody must look again.
const reviewAfter = 72 * time.Hour

// errDryRun rolls the transaction of a validation back.
var errDryRun = errors.New("dry run")

// Place takes an order in. The key makes it safe to repeat: the same key with the same draft
// answers what it answered before; with another draft, or while the first is still running, it
// fails with a fault.KeyError. An order that its channel has taken already has its reference there for a
// key, whatever it looks like by now, and is tried again until it is in.
func (s *Service) Place(ctx context.Context, who trade.Viewer, key string, d Draft) (*Answer, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if !who.MaySee(d.Account) {
		return nil, fault.New(fault.Denied, "you may not order for account %q: use one that viewer.accounts lists", d.Account).At("accountId")
	}
	scope := strings.Join([]string{who.Client, string(d.Account), "placeOrder"}, "|")
	print, err := fingerprint(d)
	if err != nil {
		return nil, err
	}
	replay, err := s.store.claim(ctx, scope, key, print)
	if err != nil {
		return nil, err
	}
	if replay != nil {
		replay.Replayed = true
		return replay, nil
	}
	answer, err := s.decide(ctx, who, d, func(ctx context.Context, tx postgres.Tx, a *Answer) error {
		return s.store.settle(ctx, tx, scope, key, a)
	})
	if err != nil {
		if d.refusable() && d.Channel != File {
			s.store.abandon(context.WithoutCancel(ctx), scope, key)
		} else {
			s.store.forget(context.WithoutCancel(ctx), scope, key)
		}
		return nil, err
	}
	if s.Passing != nil {
		s.Passing("committed")
	}
	return answer, nil
}

// Validate answers what Place would, and changes nothing.
func (s *Service) Validate(ctx context.Context, who trade.Viewer, d Draft) (*Answer, error) {
	if !who.MaySee(d.Account) {
		return nil, fault.New(fault.Denied, "you may not order for account %q: use one that viewer.accounts lists", d.Account).At("accountId")
	}
	var answer *Answer
	_, err := s.decide(ctx, who, d, func(_ context.Context, _ postgres.Tx, a *Answer) error {
		answer = a
		return errDryRun
	})
	if errors.Is(err, errDryRun) {
		return answer, nil
	}
	return answer, err
}

func (s *Service) decide(ctx context.Context, who trade.Viewer, d Draft, finish func(context.Context, postgres.Tx, *Answer) error) (*Answer, error) {
	now := s.now()
	if err := d.mayOverride(who); err != nil {
		return nil, err
	}
	d.By, d.At = who.Subject, now
	if n := len(d.Lines); n > MaxLines {
		if !d.refusable() {
			return nil, fault.New(fault.Invalid, "order %s of %s has %d lines; the limit is %d", d.ChannelRef, d.ChannelSource, n, MaxLines).At("lines")
		}
		none := &Answer{Decision: DecisionRejected, Findings: Structure(d, trade.DateOf(now))}
		return none, s.store.inTx(ctx, func(tx postgres.Tx) error { return finish(ctx, tx, none) })
	}
	rules, err := s.store.rules(ctx)
	if err != nil {
		return nil, err
	}
	policy := rules.For(d.Account)
	var facts Facts
	if len(Structure(d, trade.DateOf(now))) == 0 {
		if facts, err = s.gather(ctx, d, policy); err != nil {
			return nil, err
		}
	}
	var answer *Answer
	err = s.store.inTx(ctx, func(tx postgres.Tx) error {
		considered := &Considered{Draft: d, Facts: facts}
		o, internal := considered.order(policy, now)
		considered.Internal = internal
		o.ID, o.PlacedBy, o.RuleSet = trade.OrderID(postgres.NewID()), who.Subject, rules.Version
		events, err := s.settleOrder(ctx, tx, o, considered, policy, now)
		if err != nil {
			return err
		}
		if err := s.store.insert(ctx, tx, o, considered, events); err != nil {
			return err
		}
		if err := s.dispatch.Decided(ctx, tx, o); err != nil {
			return err
		}
		if o.Status == Accepted {
			if err := s.dispatch.Accepted(ctx, tx, o); err != nil {
				return err
			}
		}
		answer = &Answer{Decision: o.Decision, OrderID: o.ID, Findings: o.Findings, Order: o}
		return finish(ctx, tx, answer)
	})
	return answer, err
}

func (o *Order) refusable() bool { return o.Channel.refusable() }

func (d Draft) refusable() bool { return d.Channel.refusable() }

func checkKey(key string) error {
	switch {
	case strings.TrimSpace(key) == "":
		return fault.New(fault.Invalid, "an idempotency key is required: send a new unique value for each order you mean to place").At("idempotencyKey")
	case len(key) > maxText:
		return fault.New(fault.Invalid, "an idempotency key of %d characters; the limit is %d", len(key), maxText).At("idempotencyKey")
	}
	return nil
}

func fingerprint(d Draft) ([]byte, error) {
	if !d.refusable() {
		d = Draft{Channel: d.Channel, ChannelSource: d.ChannelSource, ChannelRef: d.ChannelRef}
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("draft: %w", err)
	}
	sum := sha256.Sum256(raw)
	return sum[:], nil
}
