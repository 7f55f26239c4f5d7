package resolvers

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/graph/model"
)

// maxPromotion bounds the name of a promotion.
const maxPromotion = 200

// contexts are those in which prices were asked for lately.
type contexts struct {
	kept *lru.Cache[pricing.Context, pricing.Keys]
}

// keptContexts are about as many as there are accounts whose pages are looked at within minutes.
const keptContexts = 4096

// keys makes keys in a context.
func (c contexts) keys(in pricing.Context) pricing.Keys {
	keys, known := c.kept.Get(in)
	if !known {
		keys = in.Keys()
		c.kept.Add(keys("", trade.Quantity{}).Context(), keys) // whose texts are its own, not an order's
	}
	return keys
}

// ofLines returns what makes the keys of lines' prices, for one caller. Lines of one order come one after the other and share
// their context.
func (c contexts) ofLines() func(*orders.Line) pricing.Key {
	var in pricing.Context
	var keys pricing.Keys
	return func(l *orders.Line) pricing.Key {
		if own := (pricing.Context{Account: l.Account, Currency: l.UnitPrice.Currency}); keys == nil || own != in {
			in, keys = own, c.keys(own)
		}
		return keys(l.SKU, l.Quantity)
	}
}

// quoteKey is the whole key of one line's question.
func quoteKey(account trade.AccountID, l *model.PriceQuoteLine, date *trade.Date, currency *trade.Currency, branch, promotion *string) pricing.Key {
	in := pricing.Context{Account: account, Date: value(date), Branch: value(branch), Currency: value(currency), Promotion: value(trimmed(promotion))}
	return in.Key(trade.SKU(l.Sku), *l.Quantity)
}
