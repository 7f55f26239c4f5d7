package resolvers

import (
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/graph/model"
)

// quoteKey is the whole key of one line's question.
func quoteKey(account trade.AccountID, l *model.PriceQuoteLine, date *trade.Date, currency *trade.Currency, branch *string) pricing.Key {
	key := pricing.NewKey(account, trade.SKU(l.Sku), *l.Quantity, value(date), value(currency))
	key.Branch = value(branch)
	return key
}
