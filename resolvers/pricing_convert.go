package resolvers

import (
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/graph/model"
)

// quoteKey is the whole key of one line's question.
func quoteKey(account trade.AccountID, l *model.PriceQuoteLine, date *trade.Date) pricing.Key {
	var on trade.Date
	if date != nil {
		on = *date
	}
	return pricing.NewKey(account, trade.SKU(l.Sku), *l.Quantity, on, "")
}
