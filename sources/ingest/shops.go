package ingest

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/orders"
	"crossdock/domains/references"
	"crossdock/domains/trade"
)

// Shops takes in what storefronts have sold and called off.
type Shops struct {
	Orders *orders.Service
	// Feeds are by source.
	Feeds map[string]orders.ShopFeed
	// Changed is told of an order of ours as its shop has it, again and again.
	Changed func(ctx context.Context, shop string, o orders.PlacedOrder) error
	// Finished is told of orders of the past.
	Finished func(ctx context.Context, list []orders.Registration) error
	// Names is what a shop calls our things.
	Names   func(ctx context.Context, kind references.Kind, shop string) (references.Names, error)
	Cursors Cursors
	Inbox   *Inbox
	Now     func() time.Time
	Log     *slog.Logger

	mu sync.Mutex
	// swept is the last order of each shop that a sweep has looked at.
	swept map[string]string
}

// Round polls every shop once, for what webhooks may have lost. A shop that fails does not keep the
// others from being asked.
func (s *Shops) Round(ctx context.Context) {
	for name, feed := range s.Feeds {
		_, err := s.began(ctx, name)
		if err == nil {
			err = s.Feed(name, feed).Poll(ctx, s.Cursors, s.Inbox)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "poll", "source", name, "feed", "orders", "error", err)
		}
	}
}

// sweepAtOnce bounds the orders of one shop that one sweep reads.
const sweepAtOnce = 200

// Sweep reads the next of the orders that shops can still change, whether they tell of a change or not: a
// shop's list of what changed may leave out what became of an order's parcels and money, and word of it may
// get lost.
func (s *Shops) Sweep(ctx context.Context) {
	for name, feed := range s.Feeds {
		if err := s.sweep(ctx, name, feed); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "sweep", "source", name, "feed", "orders", "error", err)
		}
	}
}

func (s *Shops) sweep(ctx context.Context, shop string, feed orders.ShopFeed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs, err := s.Orders.Watched(ctx, shop, s.swept[shop], sweepAtOnce)
	if err != nil {
		return err
	}
	placed, err := feed.Placed(ctx, refs)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if o, ok := placed.Found[ref]; ok {
			err = errors.Join(err, s.change(ctx, shop, o))
		}
		err = errors.Join(err, placed.Failed[ref])
	}
	if s.swept == nil {
		s.swept = map[string]string{}
	}
	s.swept[shop] = ""
	if len(refs) == sweepAtOnce {
		s.swept[shop] = refs[len(refs)-1]
	}
	return err
}

// Feed is what a shop has sold and called off.
func (s *Shops) Feed(shop string, feed orders.ShopFeed) Feed[orders.Sighting] {
	return Feed[orders.Sighting]{Source: shop, Name: "orders", Read: feed.PlacedSince, Take: func(ctx context.Context, seen []orders.Sighting) error {
		return s.observe(ctx, shop, feed, seen)
	}}
}

// Hint reads one order back that a shop has sent word of.
func (s *Shops) Hint(ctx context.Context, shop, ref string) error {
	placed, err := s.Feeds[shop].Placed(ctx, []string{ref})
	if err != nil {
		return err
	}
	o, ok := placed.Found[ref]
	if !ok {
		return placed.Failed[ref]
	}
	known, err := s.Orders.Known(ctx, orders.Storefront, shop, []string{ref})
	if err != nil {
		return err
	}
	began, err := s.began(ctx, shop)
	switch {
	case err != nil:
		return err
	case known[ref]:
		return s.change(ctx, shop, o)
	case o.Cancelled || o.PlacedAt.Before(began):
		return nil
	default:
		return s.take(ctx, shop, o)
	}
}

// observe reads orders that we do not know yet, in bulk, and takes them in; and those that we know, to see
// what their shop has changed.
func (s *Shops) observe(ctx context.Context, shop string, feed orders.ShopFeed, seen []orders.Sighting) error {
	refs := make([]string, len(seen))
	for i, o := range seen {
		refs[i] = o.Ref
	}
	known, err := s.Orders.Known(ctx, orders.Storefront, shop, refs)
	if err != nil {
		return err
	}
	began, err := s.began(ctx, shop)
	if err != nil {
		return err
	}
	refs = refs[:0]
	for _, o := range seen {
		if known[o.Ref] || (!o.Cancelled && !o.PlacedAt.Before(began)) {
			refs = append(refs, o.Ref)
		}
	}
	placed, err := feed.Placed(ctx, refs)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := placed.Failed[ref]; err != nil {
			return err
		}
		o, ok := placed.Found[ref]
		switch {
		case !ok:
		case known[ref]:
			if err := s.change(ctx, shop, o); err != nil {
				return err
			}
		case !o.Cancelled:
			if err := s.take(ctx, shop, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// began is when we first asked the shop. Orders placed before are somebody else's to fulfil, whatever
// happens to them now; backfill shows them when they are finished.
func (s *Shops) began(ctx context.Context, shop string) (time.Time, error) {
	const feed = "orders began"
	text, err := s.Cursors.Load(ctx, shop, feed)
	if err != nil {
		return time.Time{}, err
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	at := s.Now().Add(-time.Minute) // clocks differ, and somebody orders while we start
	return at, s.Cursors.Save(ctx, shop, feed, at.UTC().Format(time.RFC3339Nano))
}

// change tells of an order of ours as its shop has it, in our names.
func (s *Shops) change(ctx context.Context, shop string, o orders.PlacedOrder) error {
	if err := s.translate(ctx, shop, &o); err != nil {
		return err
	}
	return s.Changed(ctx, shop, o)
}

// anonymous is what a shop's buyers are called that it does not name.
const anonymous = "anonymous"

// translate puts our names in place of the shop's.
func (s *Shops) translate(ctx context.Context, shop string, o *orders.PlacedOrder) error {
	items, err := s.Names(ctx, references.Item, shop)
	if err != nil {
		return err
	}
	lines := slices.Clone(o.Draft.Lines)
	for i := range lines {
		if ours := items.OurItem(lines[i].SKU); ours != lines[i].SKU {
			lines[i].SKU, lines[i].Called = ours, lines[i].SKU
		}
	}
	o.Draft.Lines = lines
	return s.account(ctx, shop, &o.Buyer, &o.Draft.Account)
}

// account puts the account in that somebody has named for the buyer.
func (s *Shops) account(ctx context.Context, shop string, buyer *orders.Buyer, account *trade.AccountID) error {
	buyer.Ref = cmp.Or(buyer.Ref, anonymous)
	accounts, err := s.Names(ctx, references.Account, shop)
	if ours, ok := accounts.Mapped(buyer.Ref); ok {
		*account = trade.AccountID(ours)
	}
	return err
}

// TakeFinished takes in what a shop has finished with, in our names.
func (s *Shops) TakeFinished(ctx context.Context, list []orders.Registration) error {
	for i := range list {
		r := &list[i]
		items, err := s.Names(ctx, references.Item, r.Source)
		if err != nil {
			return err
		}
		for k := range r.Lines {
			r.Lines[k].SKU = items.OurItem(r.Lines[k].SKU)
		}
		if err := s.account(ctx, r.Source, &r.Buyer, &r.Account); err != nil {
			return err
		}
	}
	return s.Finished(ctx, list)
}

// take puts a storefront's order through intake. Its reference is its idempotency key.
func (s *Shops) take(ctx context.Context, shop string, o orders.PlacedOrder) error {
	if err := s.translate(ctx, shop, &o); err != nil {
		return err
	}
	if o.Draft.Account == "" {
		return &references.UnmappedError{Name: references.Name{Kind: references.Account, Source: shop, Theirs: o.Buyer.Ref}, Label: o.Buyer.Name}
	}
	who := trade.System("storefront")
	who.Client = shop
	_, err := s.Orders.Place(ctx, who, o.Ref, o.Draft)
	if _, ok := errors.AsType[*fault.KeyError](err); ok {
		return &fault.Error{Kind: fault.Unavailable, Message: "order " + o.Ref + " is being taken in at this moment", Source: shop, NotSent: true}
	}
	return err
}
