package orders

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crossdock/domains/event"
	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// ApprovalRule is which orders somebody on the buyer's side approves. An order meets a rule that meets all that the rule says.
type ApprovalRule struct {
	Name string `json:"name"`
	// Above is the worth that the order is above, before tax, in its currency.
	Above *trade.Decimal `json:"above,omitempty"`
	// Items are bought with it, some of them at least.
	Items *Selector `json:"items,omitempty"`
	// Buyers are who places it, as their tokens name them, or patterns.
	Buyers []string `json:"buyers,omitempty"`
	// Tiers are how many people approve it, one after the other; 1 where it is left out.
	Tiers int `json:"tiers,omitempty"`
}

// maxTiers bounds the people who approve one order.
const maxTiers = 3

// approvalScope is the right to approve in a tier.
func approvalScope(tier int) string {
	if tier <= 1 {
		return "orders:approve"
	}
	return fmt.Sprintf("orders:approve:%d", tier)
}

func (a ApprovalRule) meets(d Draft, items map[trade.SKU]ItemFact, total trade.Money) bool {
	if a.Above != nil && total.Amount.Cmp(*a.Above) <= 0 || len(a.Buyers) > 0 && !matches(a.Buyers, d.By) {
		return false
	}
	return a.Items == nil || slices.ContainsFunc(d.Lines, func(l DraftLine) bool { return !l.Gone && a.Items.has(items[l.SKU]) })
}

// approvals asks for the people who must approve the order: as many as the strictest rule that it meets says.
func (e *evaluation) approvals(total trade.Money) {
	if !e.draft.refusable() {
		return
	}
	tiers := map[int][]string{}
	for _, a := range e.policy.Approvals {
		if !a.meets(e.draft, e.facts.Items, total) {
			continue
		}
		for tier := 1; tier <= max(1, a.Tiers); tier++ {
			tiers[tier] = append(tiers[tier], a.Name)
		}
	}
	for tier := 1; tier <= len(tiers); tier++ {
		e.see(approvalRequired, sight{
			path: "lines", message: fmt.Sprintf("somebody who may approve in tier %d approves the order first: %s", tier, strings.Join(tiers[tier], ", ")),
			remedy: "wait for the approval", evidence: trade.Evidence{"tier": tier, "rules": tiers[tier], "scope": approvalScope(tier)},
		})
	}
}

// Decide approves an order in its lowest tier that waits, or turns it down. Whoever placed it does not, and nobody decides in two
// tiers. With the last approval the order is decided again with today's facts.
func (s *Service) Decide(ctx context.Context, who trade.Viewer, id trade.OrderID, version *int, approve bool, reason string) (*Order, error) {
	if !approve && len(strings.TrimSpace(reason)) < 3 {
		return nil, fault.New(fault.Invalid, "turning an order down needs a reason of at least 3 characters, for its buyer").At("reason")
	}
	seen, err := s.one(ctx, who, id)
	if err != nil {
		return nil, err
	}
	rules, err := s.store.rules(ctx)
	if err != nil {
		return nil, err
	}
	d := seen.draft()
	facts, err := s.gather(ctx, d, rules.For(d.Account))
	if err != nil {
		return nil, err
	}
	return s.update(ctx, who, id, func(tx postgres.Tx, o *Order) ([]event.Event, error) {
		if err := o.saw(version); err != nil {
			return nil, err
		}
		if err := o.saw(&seen.Version); err != nil {
			return nil, err // its facts were asked for as it was before
		}
		now := s.now()
		if err := o.decide(who, approve, reason, now); err != nil {
			return nil, err
		}
		details := map[string]any{"by": who.Subject, "reason": reason}
		if !approve {
			reason := "not approved: " + reason
			kept, err := s.dispatch.Kept(ctx, tx, o)
			if err != nil {
				return nil, err
			}
			if o.registered() || len(kept) > 0 { // it was on its way before somebody raised it
				events, err := s.cancel(ctx, tx, who, o, reason)
				return append([]event.Event{o.event("order.declined", now, details)}, events...), err
			}
			o.turnDown(now)
			o.CancelReason = reason
			if err := s.reserver.Adjust(ctx, tx, o.ID, nil); err != nil {
				return nil, err
			}
			return []event.Event{o.event("order.declined", now, details), o.event("order.rejected", now, details)}, s.exposure.Unexpose(ctx, tx, o.ID)
		}
		events := []event.Event{o.event("order.approved", now, details)}
		if o.approval() != nil {
			return events, nil
		}
		o.RuleSet = rules.Version
		still, err := s.recheck(ctx, tx, o, d, facts, rules.For(o.Account))
		if err != nil {
			return nil, err
		}
		if len(facts.Missing) == 0 {
			events = append(events, o.clear(still, now)...)
		}
		return s.resume(ctx, tx, o, events, now)
	})
}

// decide ends the approval that the order waits for.
func (o *Order) decide(who trade.Viewer, approve bool, reason string, now time.Time) error {
	h := o.approval()
	switch {
	case h == nil:
		return o.refuse("order %s waits for no approval", o.Number)
	case !who.Has(h.Scope):
		return fault.New(fault.Denied, "tier %d is decided with the scope %s", h.Tier, h.Scope).At("orderId")
	case who.Subject == o.PlacedBy || who.Subject == o.AmendedBy:
		return fault.New(fault.Denied, "whoever places or changes an order does not approve it").At("orderId")
	case slices.ContainsFunc(o.Holds, func(was Hold) bool {
		return was.Code == approvalRequired && was.Status == HoldReleased && was.ReleasedBy == who.Subject
	}):
		return fault.New(fault.Denied, "you have approved the order in another tier: somebody else does in this one").At("orderId")
	}
	for i := range o.Holds {
		if is := &o.Holds[i]; is == h || !approve && is.Status == HoldActive {
			is.end(HoldReleased, who.Subject, reason, now)
		}
	}
	return nil
}

// clear ends the holds whose cause is gone.
func (o *Order) clear(still map[against]bool, now time.Time) (events []event.Event) {
	for i := range o.Holds {
		h := &o.Holds[i]
		if h.Status == HoldActive && h.AutoClears && !still[h.against()] {
			h.end(HoldAutoCleared, "crossdock", "", now)
			events = append(events, o.event("order.hold_cleared", now, map[string]any{"code": h.Code}))
		}
	}
	return events
}
