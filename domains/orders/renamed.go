package orders

import (
	"context"
	"slices"

	"crossdock/domains/event"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Renamed tells that what a channel calls theirs is an item of ours. Orders from there that are held because nobody
// knew the item are decided again soon, with the item that was meant.
func (s *Service) Renamed(ctx context.Context, tx postgres.Tx, source string, theirs, ours trade.SKU) error {
	ids, err := s.store.without(ctx, tx, source, theirs)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := s.store.update(ctx, tx, id, func(o *Order) ([]event.Event, error) {
			for i := range o.Lines {
				if l := &o.Lines[i]; l.SKU == theirs && l.Outcome == LineRejected {
					l.SKU, l.Called, l.Outcome, l.Rejected = ours, theirs, LineHeld, trade.Decimal{}
				}
			}
			skus := o.Unknown()
			unknown := slices.ContainsFunc(o.Lines, func(l Line) bool { return l.Outcome == LineRejected && slices.Contains(skus, l.SKU) })
			for i := range o.Holds {
				if h := &o.Holds[i]; h.Code == itemUnknown && h.Status == HoldActive {
					h.AutoClears = !unknown
				}
			}
			o.derive()
			return []event.Event{o.event("order.item_renamed", s.now(), map[string]any{"from": theirs, "to": ours, "source": source})}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Unknown are the items of the order that nobody knows.
func (o *Order) Unknown() []trade.SKU {
	found := map[string]bool{}
	for _, f := range o.Findings {
		if f.Code == itemUnknown {
			found[f.Path] = true
		}
	}
	var out []trade.SKU
	for i, l := range o.Lines {
		if found[path(i, "sku")] {
			out = append(out, l.SKU)
		}
	}
	return out
}
