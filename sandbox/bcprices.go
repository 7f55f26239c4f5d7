package sandbox

import (
	"encoding/json"
	"net/http"
	"time"

	"crossdock/domains/trade"
)

// priceOf is the customer's price on a day: the lowest of the price list lines that apply, or else
// the item's price less the customer's discount less the quantity break.
func (b *bc) priceOf(c *customer, i *item, q trade.Decimal, day trade.Date) trade.Decimal {
	var best *priceLine
	for n := range i.Prices {
		if p := &i.Prices[n]; p.applies(c.Number, day) && p.From.Cmp(q) <= 0 && (best == nil || p.Price.Cmp(best.Price) < 0) {
			best = p
		}
	}
	if best != nil {
		return best.Price
	}
	off := c.Discount
	if i.BreakFrom.IsPos() && q.Cmp(i.BreakFrom) >= 0 {
		off = trade.Sum(off, i.BreakOff)
	}
	keep, err := trade.Less(whole(100), off).Quo(whole(100))
	if err != nil {
		return i.Price
	}
	p, err := i.Price.Mul(keep)
	if err != nil {
		return i.Price
	}
	return p.Round(4).Trim(2)
}

func (p *priceLine) applies(customer string, day trade.Date) bool {
	return (p.Customer == "" || p.Customer == customer) && (p.Starts == "" || p.Starts <= day) && (p.Ends == "" || day <= p.Ends)
}

// breakOf is the next quantity from which the customer pays less; zero when there is none.
func (b *bc) breakOf(c *customer, i *item, q trade.Decimal, day trade.Date) trade.Decimal {
	next := trade.Decimal{}
	consider := func(from trade.Decimal) {
		if from.Cmp(q) > 0 && (next.IsZero() || from.Cmp(next) < 0) && b.priceOf(c, i, from, day).Cmp(b.priceOf(c, i, q, day)) < 0 {
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
		CustomerNumber, CurrencyCode, PriceDate string
		Lines                                   []struct {
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
		from := b.breakOf(c, i, q, day)
		lines = append(lines, object{
			"lineNo": l.LineNo, "itemNumber": i.Number, "unitOfMeasureCode": i.Unit, "quantity": number(q), "found": true, "unitPrice": number(b.priceOf(c, i, q, day)), "listPrice": number(i.Price),
			"priceListCode": "PL-" + c.Discount.String(), "breakQuantity": number(from), "breakPrice": number(b.priceOf(c, i, from.Max(q), day)),
		})
	}
	value, err := json.Marshal(object{"customerNumber": c.Number, "currencyCode": currency, "lines": lines})
	if err != nil {
		panic(err)
	}
	reply(w, http.StatusOK, object{"@odata.context": "http://" + r.Host + "/bc/ODataV4/$metadata#Edm.String", "value": string(value)})
}
