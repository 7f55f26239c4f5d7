package workflows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"crossdock/domains/fault"
	"crossdock/domains/orders"
	"crossdock/domains/shadow"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
)

// Shadow is where calls are kept that were not made.
type Shadow interface {
	Note(ctx context.Context, tx postgres.Tx, w shadow.Write) error
	Compared(ctx context.Context, tx postgres.Tx, order trade.OrderID, c shadow.Comparison) error
}

// shadowing is the source behind a destination if that is in shadow, and else empty.
func (q *Queue) shadowing(destination string) string {
	if q.InShadow == nil {
		return ""
	}
	return q.InShadow(destination)
}

// unsent is what an effect on a source in shadow would have written, if that is why it failed. One that fails for good
// at such a source builds on what was not written either.
func (q *Queue) unsent(e *Effect, cause error) (shadow.Write, bool) {
	source := q.shadowing(e.Destination)
	if source == "" || cause == nil {
		return shadow.Write{}, false
	}
	w := shadow.Write{Source: source, Operation: e.Kind, Subject: e.Subject, Order: orderOf(e.Subject)}
	if t, err := parse(*e); err == nil { // an order can have several works, parcels and returns
		for _, part := range []string{t.Work, t.Shipment, t.Return} {
			if part != "" {
				w.Subject += "/" + part
			}
		}
	}
	if s, ok := errors.AsType[*fault.ShadowedError](cause); ok {
		w.Source, w.Operation, w.Method, w.Target, w.Body = s.Source, s.Operation, s.Method, s.Target, s.Body
		return w, true
	}
	w.Note = message(cause)
	return w, fault.Permanent(cause)
}

// shadowed ends an effect with what it would have written.
func (q *Queue) shadowed(ctx context.Context, e *Effect, w shadow.Write) error {
	return postgres.InTx(ctx, q.pool, func(tx postgres.Tx) error {
		next, mine, err := q.store.done(ctx, tx, e, "SHADOWED")
		if err != nil || !mine {
			return err
		}
		if do := q.unwritten[e.Kind]; do != nil {
			if err := do(ctx, tx, *e); err != nil {
				return err
			}
		}
		if err := q.Shadow.Note(ctx, tx, w); err != nil || next == "" {
			return err
		}
		return q.enqueue(ctx, tx, next, e.Destination)
	})
}

// compare looks for the order of ours that a system in shadow has taken by itself, and says what it decided
// differently. It reports false when there is none. From then on the system's own figure of credit counts the order.
func (p *Processes) compare(ctx context.Context, r orders.Registration) (bool, error) {
	if r.PONumber == "" || p.Queue.shadowing(p.erp()) == "" {
		return false, nil
	}
	list, err := p.Orders.List(ctx, trade.System("shadow"), orders.Filter{Accounts: []trade.AccountID{r.Account}, PONumber: r.PONumber}, orders.Paging{})
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(list.Orders, func(o *orders.Order) bool {
		theirs := slices.ContainsFunc(o.References, func(ref orders.Reference) bool { return ref.System == r.Source && ref.Value != r.TheirNumber })
		return !o.History && !theirs
	})
	if i < 0 {
		return false, nil
	}
	o := list.Orders[i]
	return true, postgres.InTx(ctx, p.Queue.pool, func(tx Tx) error {
		if err := p.Queue.Shadow.Compared(ctx, tx, o.ID, shadow.Comparison{Source: r.Source, Theirs: r.TheirNumber, Differences: differences(o, r)}); err != nil {
			return err
		}
		if err := p.Finance.Withdrawn(ctx, tx, o.ID); err != nil {
			return err
		}
		return p.Orders.Registered(ctx, tx, o.ID, r, nil)
	})
}

// differences are what a system has decided otherwise than we have, by item.
func differences(o *orders.Order, r orders.Registration) []string {
	out := []string{}
	if o.Decision != orders.DecisionAccepted {
		out = append(out, fmt.Sprintf("we have decided %s, %s took it", o.Decision, r.Source))
	}
	type side struct {
		quantity trade.Decimal
		price    trade.Decimal
	}
	ours, theirs := map[trade.SKU]side{}, map[trade.SKU]side{}
	for _, l := range o.Lines {
		was := ours[l.SKU]
		ours[l.SKU] = side{trade.Sum(was.quantity, trade.Less(l.Quantity.Value, trade.Sum(l.Rejected, l.Cancelled))), l.UnitPrice.Amount}
	}
	for _, l := range r.Lines {
		was := theirs[l.SKU]
		theirs[l.SKU] = side{trade.Sum(was.quantity, l.Quantity.Value), l.UnitPrice.Amount}
	}
	all := maps.Clone(ours)
	maps.Copy(all, theirs)
	for _, sku := range slices.Sorted(maps.Keys(all)) {
		a, b := ours[sku], theirs[sku]
		if a.quantity.Cmp(b.quantity) != 0 {
			out = append(out, fmt.Sprintf("%s: we have %s, %s has %s", sku, a.quantity, r.Source, b.quantity))
		}
		if a.quantity.IsPos() && b.quantity.IsPos() && a.price.Cmp(b.price) != 0 {
			out = append(out, fmt.Sprintf("%s: our price is %s, that of %s is %s", sku, a.price, r.Source, b.price))
		}
	}
	if r.Cancelled {
		out = append(out, r.Source+" has called it off")
	}
	return out
}
