package resolvers

import (
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/graph/model"
)

// maxPromotion bounds the name of a promotion.
const maxPromotion = 200

// quoteKey is the whole key of one line's question.
func quoteKey(account trade.AccountID, l *model.PriceQuoteLine, date *trade.Date, currency *trade.Currency, branch, promotion *string) pricing.Key {
	in := pricing.Context{Account: account, Date: value(date), Branch: value(branch), Currency: value(currency), Promotion: value(trimmed(promotion))}
	return in.Key(trade.SKU(l.Sku), *l.Quantity)
}
