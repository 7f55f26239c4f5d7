package resolvers

import (
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/graph/model"
)

// quoteKey is the whole key of one line's question. The unit that most items are sold in stands
// in where the caller names none.
func quoteKey(account trade.AccountID, l *model.PriceQuoteLine, date *trade.Date) pricing.Key {
	q := *l.Quantity
	if q.Unit == "" {
		q.Unit = "PCS"
	}
	var on trade.Date
	if date != nil {
		on = *date
	}
	return pricing.NewKey(account, trade.SKU(l.Sku), q, on, "")
}
