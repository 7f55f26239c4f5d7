package resolvers

import (
	"context"

	"crossdock/domains/fault"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/graph/model"
)

func (r *mutationResolver) CreateQuote(ctx context.Context, input model.CreateQuoteInput) (*model.CreateQuotePayload, error) {
	d, err := orderDraft(viewer(ctx), model.PlaceOrderInput{AccountID: input.AccountID, Lines: input.Lines})
	var q *orders.Quote
	var seen []orders.Finding
	if err == nil {
		q, seen, err = r.Orders.MakeQuote(ctx, viewer(ctx), d, input.ValidUntil, input.Note)
	}
	errs, err := problem(err)
	list, refused := findings(seen)
	return &model.CreateQuotePayload{Quote: q, Findings: list, Errors: append(errs, refused...)}, err
}

func (r *queryResolver) PriceQuote(ctx context.Context, accountID *string, lines []*model.PriceQuoteLine, date *trade.Date, currency *trade.Currency, branch *string, promotion *string, maxAge *int, orLastKnown bool) ([]*model.QuotedPrice, error) {
	ctx, err := aged(ctx, maxAge, orLastKnown)
	if err != nil {
		return nil, err
	}
	if len(lines) > maxSKUs {
		return nil, fault.New(fault.Invalid, "%d lines; the limit is %d", len(lines), maxSKUs).At("lines")
	}
	if n := len(value(promotion)); n > maxPromotion {
		return nil, fault.New(fault.Invalid, "a promotion of %d characters; the limit is %d", n, maxPromotion).At("promotion")
	}
	account, err := onlyAccount(viewer(ctx), accountID)
	if err != nil {
		return nil, err
	}
	if !viewer(ctx).MaySee(account) {
		return nil, fault.New(fault.Denied, "account %s is not yours to see", account).At("accountId")
	}
	keys := keysOf(lines, func(l *model.PriceQuoteLine) pricing.Key {
		return quoteKey(account, l, date, currency, branch, promotion)
	})
	scopeOf(ctx).prices.Announce(keys...)
	prices, err := load(ctx, scopeOf(ctx).prices, keys)
	prices, err = partial(ctx, prices, err)
	out := make([]*model.QuotedPrice, len(lines))
	for i, l := range lines {
		out[i] = &model.QuotedPrice{Sku: l.Sku, Quantity: l.Quantity}
		if i < len(prices) {
			out[i].Price = prices[i]
			if p := prices[i]; p != nil && l.Quantity.Unit == "" {
				out[i].Quantity = &trade.Quantity{Value: l.Quantity.Value, Unit: p.Unit}
			}
		}
	}
	return out, err
}
