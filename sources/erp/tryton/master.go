package tryton

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
)

var (
	_ accounts.Source      = (*Client)(nil)
	_ catalog.Source       = (*Client)(nil)
	_ pricing.Source       = (*Client)(nil)
	_ finance.CreditSource = (*Client)(nil)
)

type address struct {
	ID          int    `json:"id"`
	Name        string `json:"name"`
	PartyName   string `json:"party_name"`
	Street      string `json:"street"`
	City        string `json:"city"`
	PostalCode  string `json:"postal_code"`
	Country     *coded `json:"country."`
	Subdivision *coded `json:"subdivision."`
}

func addressFields(prefix string) []string {
	out := []string{"name", "party_name", "street", "city", "postal_code", "country.code", "subdivision.code"}
	for i := range out {
		out[i] = prefix + out[i]
	}
	return out
}

// trade is the address as we write it: the first line of the street is the first of ours, and a subdivision
// such as US-OH is the region OH.
func (a address) trade(party string) trade.Address {
	line1, rest, _ := strings.Cut(a.Street, "\n")
	_, region, _ := strings.Cut(a.Subdivision.code(), "-")
	name := a.PartyName
	if name == "" {
		name = party
	}
	return trade.Address{Name: name, Line1: line1, Line2: strings.ReplaceAll(rest, "\n", ", "), City: a.City, Region: region, PostalCode: a.PostalCode, Country: a.Country.code()}
}

type party struct {
	stamps
	ID        int       `json:"id"`
	Code      string    `json:"code"`
	Name      string    `json:"name"`
	Active    bool      `json:"active"`
	Email     string    `json:"email"`
	Phone     string    `json:"phone"`
	Rule      *named    `json:"customer_tax_rule."`
	Terms     *named    `json:"customer_payment_term."`
	PriceList *int      `json:"sale_price_list"`
	Addresses []address `json:"addresses."`
}

func partyFields() []string {
	return append([]string{"code", "name", "active", "email", "phone", "customer_tax_rule.name", "customer_payment_term.name", "create_date", "write_date"}, addressFields("addresses.")...)
}

// account is the party as a sold-to customer. Taxes follow the item unless the customer has a rule, so the
// tax context is always whole.
func (p party) account(h *home, at lookup.Provenance) accounts.Account {
	a := accounts.Account{ID: trade.AccountID(p.Code), Name: p.Name, Currency: h.code, TaxLiable: true, TaxArea: p.Rule.name(), Terms: p.Terms.name(), SourceRef: strconv.Itoa(p.ID), Provenance: at}
	if a.TaxArea == "" {
		a.TaxArea = "the item's own taxes"
	}
	if !p.Active {
		a.Stopped = "switched off"
	}
	if len(p.Addresses) > 0 {
		a.Address = p.Addresses[0].trade(p.Name)
	}
	a.Address.Email, a.Address.Phone = p.Email, p.Phone
	return a
}

// Accounts reads parties by code.
func (c *Client) Accounts(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, accounts.Account], error) {
	return answer(ctx, c, ids, func(h *home, ids []trade.AccountID, out lookup.Answers[trade.AccountID, accounts.Account]) error {
		at := c.live()
		list, err := byKeys[party](ctx, c, h, "accounts", "party.party", "code", ids, partyFields(), nil, inactiveToo())
		for _, p := range list {
			out.Found[trade.AccountID(p.Code)] = p.account(h, at)
		}
		return err
	})
}

// answer runs a bulk question about keys; a failure fails them all. Answers to keys that nobody asked for
// are left out.
func answer[K ~string, V any](ctx context.Context, c *Client, keys []K, fill func(*home, []K, lookup.Answers[K, V]) error) (lookup.Answers[K, V], error) {
	keys = lookup.Unique(keys)
	out := lookup.Empty[K, V](len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	h, err := c.where(ctx)
	if err == nil {
		err = fill(h, keys, out)
	}
	if err != nil {
		return failAll[K, V](keys, err), ctx.Err()
	}
	asked := make(map[K]bool, len(keys))
	for _, k := range keys {
		asked[k] = true
	}
	for k := range out.Found {
		if !asked[k] {
			delete(out.Found, k)
		}
	}
	return out, ctx.Err()
}

// ShipTos reads the addresses of parties.
func (c *Client) ShipTos(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, []accounts.ShipTo], error) {
	return answer(ctx, c, ids, func(h *home, ids []trade.AccountID, out lookup.Answers[trade.AccountID, []accounts.ShipTo]) error {
		list, err := byKeys[party](ctx, c, h, "ship-tos", "party.party", "code", ids, append([]string{"code", "name"}, addressFields("addresses.")...), nil)
		for _, p := range list {
			places := make([]accounts.ShipTo, len(p.Addresses))
			for i, a := range p.Addresses {
				places[i] = accounts.ShipTo{ID: strconv.Itoa(a.ID), Address: a.trade(p.Name)}
			}
			out.Found[trade.AccountID(p.Code)] = places
		}
		return err
	})
}

// AccountsSince polls parties that have a code.
func (c *Client) AccountsSince(ctx context.Context, cursor string) (lookup.Page[accounts.Account], error) {
	at := c.live()
	return since(ctx, c, "accounts since", "party.party", cursor, partyFields(), []any{inactiveToo()}, func(h *home, p party) (accounts.Account, bool) {
		return p.account(h, at), p.Code != ""
	})
}

// overlap is how far back a poll reads again: a record's stamp is when its transaction began, which may have
// taken that long.
const overlap = 2 * time.Minute

// stamped is a record with the moment of its last change.
type stamped interface{ modified() time.Time }

// since reads what was made or changed from the cursor on, and the next cursor. The whole is read when the
// cursor is empty. also narrows it.
func since[R stamped, V any](ctx context.Context, c *Client, operation, model, cursor string, fields []string, also []any, decode func(*home, R) (V, bool)) (lookup.Page[V], error) {
	page := lookup.Page[V]{Next: cursor}
	domain := also
	if cursor != "" {
		from, err := time.Parse(time.RFC3339Nano, cursor)
		if err != nil {
			return page, fault.New(fault.Invalid, "%q is not a cursor of %s", cursor, model).From(c.t.Name())
		}
		domain = append([]any{changedSince(from.Add(-overlap), "")}, also...)
	}
	h, err := c.where(ctx)
	if err != nil {
		return page, err
	}
	list, err := search[R](ctx, c, h, operation, model, domain, fields, nil)
	if err != nil {
		return page, err
	}
	for _, r := range list {
		page.Next = max(page.Next, r.modified().UTC().Format(cursorForm))
		if v, ok := decode(h, r); ok {
			page.Items = append(page.Items, v)
		}
	}
	return page, ctx.Err()
}

// cursorForm is RFC 3339 with all places, so that cursors sort as their times do.
const cursorForm = "2006-01-02T15:04:05.000000Z07:00"

// changedSince finds records, or records whose other records under a field, were made or changed from then on.
func changedSince(t time.Time, under string) []any {
	return []any{"OR", []any{[]any{under + "write_date", ">=", moment(t)}}, []any{[]any{under + "create_date", ">=", moment(t)}}}
}

type product struct {
	stamps
	ID        int    `json:"id"`
	Code      string `json:"code"`
	Name      string `json:"name"`
	Active    bool   `json:"active"`
	Salable   bool   `json:"salable"`
	ListPrice *money `json:"list_price"`
	Price     *money `json:"sale_price_uom"`
	Unit      *unit  `json:"sale_uom."`
	Category  *named `json:"account_category."`
	Template  stamps `json:"template."`
}

// modified is when the product, or the template that it shares its facts with, last changed.
func (p product) modified() time.Time {
	if t := p.Template.modified(); t.After(p.stamps.modified()) {
		return t
	}
	return p.stamps.modified()
}

func productFields() []string {
	return []string{"code", "name", "active", "salable", "list_price", "sale_uom.symbol", "sale_uom.digits", "account_category.name", "create_date", "write_date", "template.create_date", "template.write_date"}
}

func (p product) item(h *home, at lookup.Provenance) catalog.Item {
	return catalog.Item{
		SKU: trade.SKU(p.Code), Name: p.Name, Category: p.Category.name(), Unit: p.Unit.symbol(), TaxClass: p.Category.name(), Blocked: !p.Salable || !p.Active,
		ListPrice: trade.Money{Amount: p.ListPrice.value(), Currency: h.code}, SourceRef: strconv.Itoa(p.ID), Provenance: at,
	}
}

// Items reads products by code.
func (c *Client) Items(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, catalog.Item], error) {
	return answer(ctx, c, skus, func(h *home, skus []trade.SKU, out lookup.Answers[trade.SKU, catalog.Item]) error {
		at := c.live()
		list, err := byKeys[product](ctx, c, h, "items", "product.product", "code", skus, productFields(), nil, inactiveToo())
		for _, p := range list {
			out.Found[trade.SKU(p.Code)] = p.item(h, at)
		}
		return err
	})
}

// Rules reads the places that a quantity of an item's unit may have. Tryton knows no least quantities.
func (c *Client) Rules(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, catalog.Rule], error) {
	return answer(ctx, c, skus, func(h *home, skus []trade.SKU, out lookup.Answers[trade.SKU, catalog.Rule]) error {
		list, err := byKeys[product](ctx, c, h, "item rules", "product.product", "code", skus, []string{"code", "sale_uom.digits"}, nil, inactiveToo())
		for _, p := range list {
			if p.Unit != nil {
				out.Found[trade.SKU(p.Code)] = catalog.Rule{Scale: p.Unit.Digits}
			}
		}
		return err
	})
}

// ItemsSince polls products that have a code.
func (c *Client) ItemsSince(ctx context.Context, cursor string) (lookup.Page[catalog.Item], error) {
	at := c.live()
	also := []any{inactiveToo()}
	page, err := since(ctx, c, "items since", "product.product", cursor, productFields(), also, func(h *home, p product) (catalog.Item, bool) {
		return p.item(h, at), p.Code != ""
	})
	if err != nil || cursor == "" {
		return page, err
	}
	// A change of a template is one of its products.
	from, err := time.Parse(time.RFC3339Nano, cursor)
	if err != nil {
		return page, err
	}
	shared, err := since(ctx, c, "items since", "product.product", "", productFields(), append(also, changedSince(from.Add(-overlap), "template.")), func(h *home, p product) (catalog.Item, bool) {
		return p.item(h, at), p.Code != ""
	})
	if err != nil {
		return lookup.Page[catalog.Item]{Next: cursor}, err
	}
	page.Items, page.Next = append(page.Items, shared.Items...), max(page.Next, shared.Next)
	return page, nil
}

type creditOf struct {
	Code  string `json:"code"`
	Limit *money `json:"credit_limit_amount"`
	Used  *money `json:"credit_amount"`
	Owed  *money `json:"receivable"`
	Due   *money `json:"receivable_today"`
}

// Credit reads limits, what is owed and what is ordered: the product's credit amount is both.
func (c *Client) Credit(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, finance.Credit], error) {
	return answer(ctx, c, ids, func(h *home, ids []trade.AccountID, out lookup.Answers[trade.AccountID, finance.Credit]) error {
		list, err := byKeys[creditOf](ctx, c, h, "credit", "party.party", "code", ids, []string{"code", "credit_limit_amount", "credit_amount", "receivable", "receivable_today"}, nil, inactiveToo())
		for _, p := range list {
			f := finance.Credit{Account: trade.AccountID(p.Code), Source: c.t.Name(), Currency: h.code, Balance: p.Owed.value(), Overdue: p.Due.value(), OpenOrders: trade.Less(p.Used.value(), p.Owed.value())}
			if p.Limit != nil {
				limit := p.Limit.value()
				f.Limit = &limit
			}
			out.Found[f.Account] = f
		}
		return err
	})
}

// question is what one calculation of prices cannot mix: it is for one customer, and one quantity.
type question struct {
	pricing.Context
	quantity string
}

// Prices has the server calculate each price from the customer's price list. One call is for one customer
// and one quantity.
func (c *Client) Prices(ctx context.Context, keys []pricing.Key) (lookup.Answers[pricing.Key, pricing.Price], error) {
	keys = lookup.Unique(keys)
	out := lookup.Empty[pricing.Key, pricing.Price](len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	h, err := c.where(ctx)
	if err != nil {
		return failAll[pricing.Key, pricing.Price](keys, err), ctx.Err()
	}
	ids := make([]trade.AccountID, len(keys))
	asked := map[question][]pricing.Key{}
	for i, k := range keys {
		ids[i] = k.Account
		q := question{pricing.Context{Account: k.Account, Date: k.Date, Branch: k.Branch, Currency: k.Currency}, k.Quantity}
		asked[q] = append(asked[q], k)
	}
	list, err := byKeys[party](ctx, c, h, "price lists", "party.party", "code", lookup.Unique(ids), []string{"code", "sale_price_list"}, nil)
	if err != nil {
		return failAll[pricing.Key, pricing.Price](keys, err), ctx.Err()
	}
	parties := map[trade.AccountID]party{}
	for _, p := range list {
		parties[trade.AccountID(p.Code)] = p
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for q, ks := range asked {
		p, known := parties[q.Account]
		if !known {
			continue // an unknown customer has no prices
		}
		wg.Go(func() {
			part := c.quote(ctx, h, p, q, ks)
			mu.Lock()
			defer mu.Unlock()
			out.Merge(part)
		})
	}
	wg.Wait()
	return out, ctx.Err()
}

func (c *Client) quote(ctx context.Context, h *home, p party, q question, keys []pricing.Key) lookup.Answers[pricing.Key, pricing.Price] {
	switch {
	case q.Branch != "":
		return failAll[pricing.Key, pricing.Price](keys, fault.New(fault.Unsupported, "its price lists know no branches, such as %q: leave the branch out", q.Branch).From(c.t.Name()))
	case q.Currency != "" && q.Currency != h.code:
		return lookup.Empty[pricing.Key, pricing.Price](0) // its price lists are in the company's currency
	}
	more := map[string]any{"customer": p.ID, "quantity": json.Number(q.quantity), "currency": h.currency}
	if p.PriceList != nil {
		more["price_list"] = *p.PriceList
	}
	if q.Date != "" {
		if on, err := time.Parse(time.DateOnly, string(q.Date)); err == nil {
			more["sale_date"] = day(on)
		}
	}
	skus := make([]trade.SKU, len(keys))
	at := map[trade.SKU][]pricing.Key{}
	for i, k := range keys {
		skus[i] = k.SKU
		at[k.SKU] = append(at[k.SKU], k)
	}
	live := c.live()
	list, err := byKeys[product](ctx, c, h, "prices", "product.product", "code", lookup.Unique(skus), []string{"code", "list_price", "sale_price_uom", "sale_uom.symbol"}, more, []any{"salable", "=", true})
	if err != nil {
		return failAll[pricing.Key, pricing.Price](keys, err)
	}
	out := lookup.Empty[pricing.Key, pricing.Price](len(keys))
	for _, row := range list {
		for _, k := range at[trade.SKU(row.Code)] {
			if row.Price == nil || (k.Unit != "" && k.Unit != row.Unit.symbol()) {
				continue
			}
			out.Found[k] = pricing.Price{
				Key: k, Unit: row.Unit.symbol(), UnitPrice: trade.Money{Amount: row.Price.value().Round(priceDigits).Trim(2), Currency: h.code}, ListPrice: trade.Money{Amount: row.ListPrice.value(), Currency: h.code}, Provenance: live,
			}
		}
	}
	return out
}
