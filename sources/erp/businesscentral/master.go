package businesscentral

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

var (
	_ accounts.Source      = (*Client)(nil)
	_ catalog.Source       = (*Client)(nil)
	_ pricing.Source       = (*Client)(nil)
	_ finance.CreditSource = (*Client)(nil)
)

type customer struct {
	ID                 string    `json:"id"`
	Number             string    `json:"number"`
	DisplayName        string    `json:"displayName"`
	AddressLine1       string    `json:"addressLine1"`
	AddressLine2       string    `json:"addressLine2"`
	City               string    `json:"city"`
	State              string    `json:"state"`
	Country            string    `json:"country"`
	PostalCode         string    `json:"postalCode"`
	PhoneNumber        string    `json:"phoneNumber"`
	Email              string    `json:"email"`
	TaxLiable          bool      `json:"taxLiable"`
	TaxAreaDisplayName string    `json:"taxAreaDisplayName"`
	CurrencyCode       string    `json:"currencyCode"`
	Blocked            string    `json:"blocked"`
	Modified           time.Time `json:"lastModifiedDateTime"`
	PaymentTerm        *struct {
		Code string `json:"code"`
	} `json:"paymentTerm"`
}

type shipTo struct {
	CustomerNumber string `json:"customerNumber"`
	Code           string `json:"code"`
	Name           string `json:"name"`
	AddressLine1   string `json:"addressLine1"`
	AddressLine2   string `json:"addressLine2"`
	City           string `json:"city"`
	State          string `json:"state"`
	PostalCode     string `json:"postalCode"`
	Country        string `json:"country"`
}

// decodeEnum reads an enum value, whose blanks and signs the wire encodes.
func decodeEnum(v string) string {
	r := strings.NewReplacer("_x0020_", " ", "_x002D_", "-")
	return strings.TrimSpace(r.Replace(v))
}

func (c customer) account(at lookup.Provenance) accounts.Account {
	a := accounts.Account{
		ID: trade.AccountID(c.Number), Name: c.DisplayName, Currency: trade.Currency(c.CurrencyCode), TaxLiable: c.TaxLiable, TaxExempt: !c.TaxLiable, TaxArea: c.TaxAreaDisplayName, SourceRef: c.ID, Provenance: at,
		Address: trade.Address{Name: c.DisplayName, Line1: c.AddressLine1, Line2: c.AddressLine2, City: c.City, Region: c.State, PostalCode: c.PostalCode, Country: c.Country, Phone: c.PhoneNumber, Email: c.Email},
	}
	if c.PaymentTerm != nil {
		a.Terms = c.PaymentTerm.Code
	}
	switch b := decodeEnum(c.Blocked); b {
	case "":
	default:
		a.Stopped = "blocked for " + strings.ToLower(b)
	}
	return a
}

// Accounts reads customers.
func (c *Client) Accounts(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, accounts.Account], error) {
	ids = lookup.Unique(ids)
	out := lookup.Empty[trade.AccountID, accounts.Account](len(ids))
	if len(ids) == 0 {
		return out, ctx.Err()
	}
	at := c.live(time.Now())
	list, err := lookIn[customer](ctx, c, "accounts", c.standard(), "customers", "number", ids, "paymentTerm")
	if err != nil {
		return lookup.AllFailed[trade.AccountID, accounts.Account](ids, err), ctx.Err()
	}
	for _, cu := range list {
		out.Found[trade.AccountID(cu.Number)] = cu.account(at)
	}
	return out, nil
}

// ShipTos reads the places that customers have goods sent to.
func (c *Client) ShipTos(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, []accounts.ShipTo], error) {
	ids = lookup.Unique(ids)
	out := lookup.Empty[trade.AccountID, []accounts.ShipTo](len(ids))
	if len(ids) == 0 {
		return out, ctx.Err()
	}
	list, err := lookIn[shipTo](ctx, c, "ship-tos", c.extension(), "shipToAddresses", "customerNumber", ids, "")
	if err != nil {
		return lookup.AllFailed[trade.AccountID, []accounts.ShipTo](ids, err), ctx.Err()
	}
	for _, p := range list {
		id := trade.AccountID(p.CustomerNumber)
		out.Found[id] = append(out.Found[id], accounts.ShipTo{ID: p.Code, Address: trade.Address{Name: p.Name, Line1: p.AddressLine1, Line2: p.AddressLine2, City: p.City, Region: p.State, PostalCode: p.PostalCode, Country: p.Country}})
	}
	return out, nil
}

// AccountsSince polls customers by their modification time.
func (c *Client) AccountsSince(ctx context.Context, cursor string) (lookup.Page[accounts.Account], error) {
	list, next, err := since[customer](ctx, c, "customers", cursor, func(cu customer) time.Time { return cu.Modified })
	page := lookup.Page[accounts.Account]{Next: next}
	at := c.live(time.Now())
	for _, cu := range list {
		page.Items = append(page.Items, cu.account(at))
	}
	return page, err
}

// overlap is how far back a poll reads again: a record's stamp can be older than its commit.
const overlap = 5 * time.Second

// since reads what changed from the cursor on and returns the next cursor.
func since[T any](ctx context.Context, c *Client, set, cursor string, modified func(T) time.Time) ([]T, string, error) {
	q := url.Values{"$orderby": {"lastModifiedDateTime"}}
	if below := map[string]string{"customers": "paymentTerm", "salesOrders": "salesOrderLines", "salesInvoices": "salesInvoiceLines", "salesCreditMemos": "salesCreditMemoLines"}[set]; below != "" {
		q.Set("$expand", below)
	}
	if cursor != "" {
		from, err := time.Parse(time.RFC3339Nano, cursor)
		if err != nil {
			return nil, cursor, fault.New(fault.Invalid, "%q is not a cursor of %s", cursor, set).From(c.t.Name())
		}
		q.Set("$filter", "lastModifiedDateTime ge "+from.Add(-overlap).UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	list, err := collect[T](ctx, c, set+" since", c.path(c.standard(), set), q, 0)
	if err != nil {
		return nil, cursor, err
	}
	next := cursor
	for _, v := range list {
		if m := modified(v).UTC().Format(time.RFC3339Nano); m > next {
			next = m
		}
	}
	return list, next, nil
}

type item struct {
	ID                    string      `json:"id"`
	Number                string      `json:"number"`
	DisplayName           string      `json:"displayName"`
	ItemCategoryCode      string      `json:"itemCategoryCode"`
	Blocked               bool        `json:"blocked"`
	GTIN                  string      `json:"gtin"`
	UnitPrice             json.Number `json:"unitPrice"`
	UnitCost              json.Number `json:"unitCost"`
	TaxGroupCode          string      `json:"taxGroupCode"`
	BaseUnitOfMeasureCode string      `json:"baseUnitOfMeasureCode"`
	Modified              time.Time   `json:"lastModifiedDateTime"`
}

type salesRule struct {
	ItemNumber       string      `json:"itemNumber"`
	MinimumQuantity  json.Number `json:"minimumQuantity"`
	OrderMultiple    json.Number `json:"orderMultiple"`
	QuantityDecimals int         `json:"quantityDecimals"`
	BaseUnit         string      `json:"baseUnit"`
	ItemUnits        []struct {
		Code            string      `json:"code"`
		QuantityPerUnit json.Number `json:"quantityPerUnit"`
	} `json:"itemUnits"`
}

func (i item) decode(currency trade.Currency, at lookup.Provenance) catalog.Item {
	out := catalog.Item{
		SKU: trade.SKU(i.Number), Name: i.DisplayName, Category: i.ItemCategoryCode, Unit: trade.Unit(i.BaseUnitOfMeasureCode), GTIN: i.GTIN, TaxClass: i.TaxGroupCode, Blocked: i.Blocked,
		ListPrice: trade.Money{Amount: amount(i.UnitPrice), Currency: currency}, SourceRef: i.ID, Provenance: at,
	}
	if cost := amount(i.UnitCost); cost.IsPos() { // zero is none
		out.Cost = &trade.Money{Amount: cost, Currency: currency}
	}
	return out
}

// amount reads a number of the wire; a missing one is zero.
func amount(n json.Number) trade.Decimal {
	d, err := trade.ParseDecimal(string(n))
	if err != nil {
		return trade.Decimal{}
	}
	return d
}

// Items reads items.
func (c *Client) Items(ctx context.Context, skus []trade.SKU) ([]lookup.Result[*catalog.Item], error) {
	return lookup.Ordered(c.items)(ctx, skus)
}

func (c *Client) items(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, *catalog.Item], error) {
	skus = lookup.Unique(skus)
	out := lookup.Empty[trade.SKU, *catalog.Item](len(skus))
	if len(skus) == 0 {
		return out, ctx.Err()
	}
	at := c.live(time.Now())
	list, err := lookIn[item](ctx, c, "items", c.standard(), "items", "number", skus, "")
	if err != nil {
		return lookup.AllFailed[trade.SKU, *catalog.Item](skus, err), ctx.Err()
	}
	for _, i := range list {
		decoded := i.decode(c.cfg.Currency, at)
		out.Found[decoded.SKU] = &decoded
	}
	return out, nil
}

// Rules reads how items may be ordered.
func (c *Client) Rules(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, catalog.Rule], error) {
	skus = lookup.Unique(skus)
	out := lookup.Empty[trade.SKU, catalog.Rule](len(skus))
	if len(skus) == 0 {
		return out, ctx.Err()
	}
	list, err := lookIn[salesRule](ctx, c, "item rules", c.extension(), "itemSalesRules", "itemNumber", skus, "itemUnits")
	if fault.KindOf(err) == fault.Invalid { // an extension of before it told of units
		list, err = lookIn[salesRule](ctx, c, "item rules", c.extension(), "itemSalesRules", "itemNumber", skus, "")
	}
	if err != nil {
		return lookup.AllFailed[trade.SKU, catalog.Rule](skus, err), ctx.Err()
	}
	for _, r := range list {
		rule := catalog.Rule{Minimum: amount(r.MinimumQuantity), Multiple: amount(r.OrderMultiple), Scale: r.QuantityDecimals}
		for _, u := range r.ItemUnits {
			if u.Code == r.BaseUnit {
				continue
			}
			rule.Units = append(rule.Units, catalog.Unit{Unit: trade.Unit(u.Code), Ratio: trade.Ratio{Of: amount(u.QuantityPerUnit), Per: trade.MustDecimal("1")}})
		}
		out.Found[trade.SKU(r.ItemNumber)] = rule
	}
	return out, nil
}

// ItemsSince polls items by their modification time.
func (c *Client) ItemsSince(ctx context.Context, cursor string) (lookup.Page[catalog.Item], error) {
	list, next, err := since[item](ctx, c, "items", cursor, func(i item) time.Time { return i.Modified })
	page := lookup.Page[catalog.Item]{Next: next}
	at := c.live(time.Now())
	for _, i := range list {
		page.Items = append(page.Items, i.decode(c.cfg.Currency, at))
	}
	return page, err
}

type credit struct {
	CustomerNumber    string      `json:"customerNumber"`
	CurrencyCode      string      `json:"currencyCode"`
	CreditLimit       json.Number `json:"creditLimit"`
	Balance           json.Number `json:"balance"`
	OverdueAmount     json.Number `json:"overdueAmount"`
	OutstandingOrders json.Number `json:"outstandingOrders"`
}

// Credit reads limits, balances and open orders. Business Central's limit of zero is no limit.
func (c *Client) Credit(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, finance.Credit], error) {
	ids = lookup.Unique(ids)
	out := lookup.Empty[trade.AccountID, finance.Credit](len(ids))
	if len(ids) == 0 {
		return out, ctx.Err()
	}
	list, err := lookIn[credit](ctx, c, "credit", c.extension(), "customerCredits", "customerNumber", ids, "")
	if err != nil {
		return lookup.AllFailed[trade.AccountID, finance.Credit](ids, err), ctx.Err()
	}
	for _, r := range list {
		f := finance.Credit{Account: trade.AccountID(r.CustomerNumber), Source: c.t.Name(), Currency: trade.Currency(r.CurrencyCode), Balance: amount(r.Balance), Overdue: amount(r.OverdueAmount), OpenOrders: amount(r.OutstandingOrders)}
		if limit := amount(r.CreditLimit); !limit.IsZero() {
			f.Limit = &limit
		}
		out.Found[f.Account] = f
	}
	return out, nil
}

type quoteLine struct {
	LineNo            int         `json:"lineNo"`
	ItemNumber        string      `json:"itemNumber"`
	UnitOfMeasureCode string      `json:"unitOfMeasureCode,omitempty"`
	Quantity          json.Number `json:"quantity"`
}

type quotedLine struct {
	LineNo        int         `json:"lineNo"`
	Unit          string      `json:"unitOfMeasureCode"`
	Found         bool        `json:"found"`
	UnitPrice     json.Number `json:"unitPrice"`
	ListPrice     json.Number `json:"listPrice"`
	PriceListCode string      `json:"priceListCode"`
	BreakQuantity json.Number `json:"breakQuantity"`
	BreakPrice    json.Number `json:"breakPrice"`
	// ValidUntil is the last day of the price, empty where it has none.
	ValidUntil string `json:"validUntil"`
	// DiscountPercent is what is off within the price, by the list line that gives it.
	DiscountPercent json.Number `json:"discountPercent"`
	DiscountCode    string      `json:"discountCode"`
	// DiscountCampaign is whether it is a campaign's, PriceCampaign the campaign that the price itself is of.
	DiscountCampaign bool   `json:"discountCampaign"`
	PriceCampaign    string `json:"priceCampaign"`
}

// discounts are what is off the price, from the percentage: price ÷ (1 − percent) − price.
func (l quotedLine) discounts(price trade.Money) (out []pricing.Discount) {
	if l.PriceCampaign != "" { // what it takes off is in the list's price
		out = append(out, pricing.Discount{Code: l.PriceCampaign, Promotion: true, Amount: trade.Money{Currency: price.Currency}})
	}
	percent := amount(l.DiscountPercent)
	left := trade.Less(trade.MustDecimal("100"), percent)
	if !percent.IsPos() || !left.IsPos() {
		return out
	}
	off := trade.Money{Amount: price.Times(percent).Amount, Currency: price.Currency}
	var err error
	if off.Amount, err = off.Amount.Quo(left); err != nil {
		return out
	}
	off.Amount = off.Amount.Round(6).Trim(0)
	return append(out, pricing.Discount{Code: l.DiscountCode, Promotion: l.DiscountCampaign, Amount: off})
}

// Prices has the ERP calculate each price. One request quotes one account on one date in one
// currency: that is what the ERP's calculation cannot mix. They run at once. Its price lists know no
// branches.
func (c *Client) Prices(ctx context.Context, keys []pricing.Key) ([]lookup.Result[*pricing.Price], error) {
	var quotes []func() lookup.Answers[pricing.Key, *pricing.Price]
	for _, places := range pricing.ByContext(keys) {
		quotes = append(quotes, func() lookup.Answers[pricing.Key, *pricing.Price] { return c.quote(ctx, lookup.At(keys, places)) })
	}
	return lookup.InOrder(keys, lookup.Merged(quotes)), ctx.Err()
}

func (c *Client) quote(ctx context.Context, keys []pricing.Key) lookup.Answers[pricing.Key, *pricing.Price] {
	g := keys[0].Context()
	if g.Branch != "" {
		return lookup.AllFailed[pricing.Key, *pricing.Price](keys, fault.New(fault.Unsupported, "its price lists know no branches, such as %q: leave the branch out", g.Branch).From(c.t.Name()))
	}
	in := struct {
		CustomerNumber string      `json:"customerNumber"`
		PriceDate      string      `json:"priceDate,omitempty"`
		CurrencyCode   string      `json:"currencyCode,omitempty"`
		CampaignNumber string      `json:"campaignNumber,omitempty"`
		Lines          []quoteLine `json:"lines"`
	}{CustomerNumber: string(g.Account), PriceDate: string(g.Date), CurrencyCode: string(g.Currency), CampaignNumber: g.Promotion}
	for i, k := range keys {
		in.Lines = append(in.Lines, quoteLine{i + 1, string(k.SKU), string(k.Unit), json.Number(k.Quantity)})
	}
	request, err := json.Marshal(in)
	if err != nil {
		return lookup.AllFailed[pricing.Key, *pricing.Price](keys, err)
	}
	body, err := json.Marshal(map[string]string{"requestJson": string(request)})
	if err != nil {
		return lookup.AllFailed[pricing.Key, *pricing.Price](keys, err)
	}
	var envelope struct {
		Value string `json:"value"`
	}
	var reply struct {
		CustomerNumber string       `json:"customerNumber"`
		CurrencyCode   string       `json:"currencyCode"`
		Lines          []quotedLine `json:"lines"`
	}
	at := c.live(time.Now())
	// A quote is stored nowhere: repeating it is safe.
	err = c.call(ctx, transport.Request{Operation: "prices", Method: http.MethodPost, Path: "/ODataV4/CrossdockPrices_Quote", Query: url.Values{"company": {c.cfg.Company}}, Body: body, Read: true, Keys: len(keys)}, http.StatusOK, &envelope)
	if err == nil {
		if e := json.Unmarshal([]byte(envelope.Value), &reply); e != nil {
			err = fault.Wrap(fault.BadResponse, e, "a reply that cannot be read").From(c.t.Name())
		}
	}
	if err == nil && reply.CustomerNumber != string(g.Account) {
		err = fault.New(fault.BadResponse, "prices of another customer").From(c.t.Name())
	}
	if err == nil && g.Currency != "" && reply.CurrencyCode != string(g.Currency) {
		err = fault.New(fault.BadResponse, "prices in %q, not in %q", reply.CurrencyCode, g.Currency).From(c.t.Name())
	}
	if err != nil {
		if fault.KindOf(err) == fault.Invalid {
			return lookup.Empty[pricing.Key, *pricing.Price](0) // an unknown customer has no prices
		}
		return lookup.AllFailed[pricing.Key, *pricing.Price](keys, err)
	}
	out := lookup.Empty[pricing.Key, *pricing.Price](len(keys))
	for _, l := range reply.Lines {
		if !l.Found || l.LineNo < 1 || l.LineNo > len(keys) {
			continue
		}
		k, cur := keys[l.LineNo-1], trade.Currency(reply.CurrencyCode)
		p := &pricing.Price{Key: k, Unit: trade.Unit(l.Unit), UnitPrice: trade.Money{Amount: amount(l.UnitPrice), Currency: cur}, ListPrice: trade.Money{Amount: amount(l.ListPrice), Currency: cur}, List: l.PriceListCode, Until: trade.Date(l.ValidUntil), Provenance: at}
		p.Discounts = l.discounts(p.UnitPrice)
		if from := amount(l.BreakQuantity); from.IsPos() {
			p.Breaks = []pricing.Break{{From: trade.Quantity{Value: from, Unit: p.Unit}, UnitPrice: trade.Money{Amount: amount(l.BreakPrice), Currency: cur}}}
		}
		out.Found[k] = p
	}
	return out
}
