package sandbox

import (
	"encoding/json"
	"net/http"
	"time"

	"crossdock/domains/trade"
)

// bcPrice is what a customer pays for one, and why.
type bcPrice struct {
	price trade.Decimal
	// until is the last day of it, empty when it has none.
	until trade.Date
	// promotion is what is off within it, nil when nothing is.
	promotion *promotion
}

// priceOf is the customer's price on a day: the lowest of the price list lines that apply, or else the item's price less the
// customer's discount less the quantity break; less the best promotion of those that are open, or the one that is named.
func (b *bc) priceOf(c *customer, i *item, q trade.Decimal, day trade.Date, campaign string) bcPrice {
	out := b.listed(c, i, q, day)
	for n := range i.Promotions {
		p := &i.Promotions[n]
		if within(day, p.Starts, p.Ends) && (!p.Closed || p.Code == campaign) && (out.promotion == nil || p.Percent.Cmp(out.promotion.Percent) > 0) {
			out.promotion = p
		}
	}
	if p := out.promotion; p != nil {
		out.price = less(out.price, p.Percent)
		if p.Ends != "" && (out.until == "" || p.Ends < out.until) {
			out.until = p.Ends
		}
	}
	return out
}

// listed is the price before promotions.
func (b *bc) listed(c *customer, i *item, q trade.Decimal, day trade.Date) bcPrice {
	var best *priceLine
	for n := range i.Prices {
		if p := &i.Prices[n]; p.applies(c.Number, day) && p.From.Cmp(q) <= 0 && (best == nil || p.Price.Cmp(best.Price) < 0) {
			best = p
		}
	}
	if best != nil {
		return bcPrice{price: best.Price, until: best.Ends}
	}
	off := c.Discount
	if i.BreakFrom.IsPos() && q.Cmp(i.BreakFrom) >= 0 {
		off = trade.Sum(off, i.BreakOff)
	}
	return bcPrice{price: less(i.Price, off)}
}

// less is a price with so many percent off.
func less(price, percent trade.Decimal) trade.Decimal {
	keep, err := trade.Less(whole(100), percent).Quo(whole(100))
	if err != nil {
		return price
	}
	p, err := price.Mul(keep)
	if err != nil {
		return price
	}
	return p.Round(4).Trim(2)
}

func within(day, starts, ends trade.Date) bool {
	return (starts == "" || starts <= day) && (ends == "" || day <= ends)
}

func (p *priceLine) applies(customer string, day trade.Date) bool {
	return (p.Customer == "" || p.Customer == customer) && within(day, p.Starts, p.Ends)
}

// breakOf is the next quantity from which the customer pays less; zero when there is none.
func (b *bc) breakOf(c *customer, i *item, q trade.Decimal, day trade.Date, campaign string) trade.Decimal {
	next := trade.Decimal{}
	consider := func(from trade.Decimal) {
		if from.Cmp(q) > 0 && (next.IsZero() || from.Cmp(next) < 0) && b.priceOf(c, i, from, day, campaign).price.Cmp(b.priceOf(c, i, q, day, campaign).price) < 0 {
			next = from
		}
	}
	consider(i.BreakFrom)
	for n := range i.Prices {
		if i.Prices[n].applies(c.Number, day) {
			consider(i.Prices[n].From)
		}
	}
	return next
}

// priceQuote is the action of docs/partners/businesscentral/prices.al.
func (b *bc) priceQuote(w http.ResponseWriter, r *http.Request) {
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	var action struct{ RequestJSON string }
	if err := decode(r, &action); err != nil || r.URL.Query().Get("company") != b.world.company {
		(&bcError{http.StatusBadRequest, "BadRequest", "Invalid Request Body"}).write(w)
		return
	}
	var in struct {
		CustomerNumber, CurrencyCode, PriceDate, CampaignNumber string
		Lines                                                   []struct {
			LineNo                        int
			ItemNumber, UnitOfMeasureCode string
			Quantity                      json.Number
		}
	}
	if err := json.Unmarshal([]byte(action.RequestJSON), &in); err != nil {
		dialog("The JSON cannot be read.").write(w)
		return
	}
	c := b.world.customers[in.CustomerNumber]
	if c == nil {
		dialog("The Customer does not exist. Identification fields and values: No.='%s'", in.CustomerNumber).write(w)
		return
	}
	day := trade.Date(in.PriceDate)
	if day == "" {
		day = trade.Date(b.world.now().Format(time.DateOnly))
	}
	currency := in.CurrencyCode
	if currency == "" {
		currency = c.Currency
	}
	lines := []object{}
	for _, l := range in.Lines {
		i := b.world.items[l.ItemNumber]
		q, err := trade.ParseDecimal(string(l.Quantity))
		// The price lists are in the customer's currency: in another there is no price.
		if i == nil || currency != c.Currency || err != nil || (l.UnitOfMeasureCode != "" && l.UnitOfMeasureCode != i.Unit) {
			lines = append(lines, object{"lineNo": l.LineNo, "itemNumber": l.ItemNumber, "found": false})
			continue
		}
		from, is := b.breakOf(c, i, q, day, in.CampaignNumber), b.priceOf(c, i, q, day, in.CampaignNumber)
		line := object{
			"lineNo": l.LineNo, "itemNumber": i.Number, "unitOfMeasureCode": i.Unit, "quantity": number(q), "found": true, "unitPrice": number(is.price), "listPrice": number(i.Price),
			"priceListCode": "PL-" + c.Discount.String(), "breakQuantity": number(from), "breakPrice": number(b.priceOf(c, i, from.Max(q), day, in.CampaignNumber).price),
			"validUntil": is.until, "discountPercent": number(trade.Decimal{}), "discountCode": "", "discountCampaign": false, "priceCampaign": "",
		}
		if p := is.promotion; p != nil {
			line["discountPercent"], line["discountCode"], line["discountCampaign"] = number(p.Percent), p.Code, true
		}
		lines = append(lines, line)
	}
	value, err := json.Marshal(object{"customerNumber": c.Number, "currencyCode": currency, "lines": lines})
	if err != nil {
		panic(err)
	}
	reply(w, http.StatusOK, object{"@odata.context": "http://" + r.Host + "/bc/ODataV4/$metadata#Edm.String", "value": string(value)})
}
