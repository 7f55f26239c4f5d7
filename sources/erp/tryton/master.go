package tryton

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
	"crossdock/sources/trytonrpc"
)

var (
	_ accounts.Source      = (*Client)(nil)
	_ catalog.Source       = (*Client)(nil)
	_ pricing.Source       = (*Client)(nil)
	_ finance.CreditSource = (*Client)(nil)
)

type party struct {
	trytonrpc.Stamps
	ID        int                 `json:"id"`
	Code      string              `json:"code"`
	Name      string              `json:"name"`
	Active    bool                `json:"active"`
	Email     string              `json:"email"`
	Phone     string              `json:"phone"`
	Rule      *trytonrpc.Named    `json:"customer_tax_rule."`
	Terms     *trytonrpc.Named    `json:"customer_payment_term."`
	PriceList *int                `json:"sale_price_list"`
	Addresses []trytonrpc.Address `json:"addresses."`
}

func partyFields() []string {
	return append([]string{"code", "name", "active", "email", "phone", "customer_tax_rule.name", "customer_payment_term.name", "create_date", "write_date"}, trytonrpc.AddressFields("addresses.")...)
}

// account is the party as a sold-to customer. Taxes follow the item unless the customer has a rule, so the
// tax context is always whole.
func (p party) account(h *home, at lookup.Provenance) accounts.Account {
	a := accounts.Account{ID: trade.AccountID(p.Code), Name: p.Name, Currency: h.Code, TaxLiable: true, TaxArea: p.Rule.Text(), Terms: p.Terms.Text(), SourceRef: strconv.Itoa(p.ID), Provenance: at}
	if a.TaxArea == "" {
		a.TaxArea = "the item's own taxes"
	}
	if !p.Active {
		a.Stopped = "switched off"
	}
	if len(p.Addresses) > 0 {
		a.Address = p.Addresses[0].Trade(p.Name)
	}
	a.Address.Email, a.Address.Phone = p.Email, p.Phone
	return a
}

// Accounts reads parties by code.
func (c *Client) Accounts(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, accounts.Account], error) {
	return answer(ctx, c, ids, func(h *home, ids []trade.AccountID, out lookup.Answers[trade.AccountID, accounts.Account]) error {
		at := c.live()
		list, err := trytonrpc.ByKeys[party](ctx, c.rpc, h.Company, "accounts", "party.party", "code", ids, partyFields(), nil, trytonrpc.InactiveToo())
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
		return lookup.AllFailed[K, V](keys, err), ctx.Err()
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
		list, err := trytonrpc.ByKeys[party](ctx, c.rpc, h.Company, "ship-tos", "party.party", "code", ids, append([]string{"code", "name"}, trytonrpc.AddressFields("addresses.")...), nil)
		for _, p := range list {
			places := make([]accounts.ShipTo, len(p.Addresses))
			for i, a := range p.Addresses {
				places[i] = accounts.ShipTo{ID: strconv.Itoa(a.ID), Address: a.Trade(p.Name)}
			}
			out.Found[trade.AccountID(p.Code)] = places
		}
		return err
	})
}

// AccountsSince polls parties that have a code.
func (c *Client) AccountsSince(ctx context.Context, cursor string) (lookup.Page[accounts.Account], error) {
	at := c.live()
	return since(ctx, c, "accounts since", "party.party", cursor, partyFields(), []any{trytonrpc.InactiveToo()}, func(h *home, p party) (accounts.Account, bool) {
		return p.account(h, at), p.Code != ""
	})
}

// overlap is how far back a poll reads again: a record's stamp is when its transaction began, which may have
// taken that long.
const overlap = 2 * time.Minute

// stamped is a record with the moment of its last change.
type stamped interface{ Modified() time.Time }

// since reads what was made or changed from the cursor on, and the next cursor. The whole is read when the
// cursor is empty. also narrows it.
func since[R stamped, V any](ctx context.Context, c *Client, operation, model, cursor string, fields []string, also []any, decode func(*home, R) (V, bool)) (lookup.Page[V], error) {
	page := lookup.Page[V]{Next: cursor}
	domain := also
	if cursor != "" {
		from, err := time.Parse(time.RFC3339Nano, cursor)
		if err != nil {
			return page, fault.New(fault.Invalid, "%q is not a cursor of %s", cursor, model).From(c.rpc.Name())
		}
		domain = append([]any{changedSince(from.Add(-overlap), "")}, also...)
	}
	h, err := c.where(ctx)
	if err != nil {
		return page, err
	}
	list, err := trytonrpc.Search[R](ctx, c.rpc, h.Company, operation, model, domain, fields, nil)
	if err != nil {
		return page, err
	}
	for _, r := range list {
		page.Next = max(page.Next, r.Modified().UTC().Format(cursorForm))
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
	return []any{"OR", []any{[]any{under + "write_date", ">=", trytonrpc.Moment(t)}}, []any{[]any{under + "create_date", ">=", trytonrpc.Moment(t)}}}
}

type product struct {
	trytonrpc.Stamps
	ID        int              `json:"id"`
	Code      string           `json:"code"`
	Name      string           `json:"name"`
	Active    bool             `json:"active"`
	Salable   bool             `json:"salable"`
	ListPrice *trytonrpc.Money `json:"list_price"`
	Price     *trytonrpc.Money `json:"sale_price_uom"`
	Unit      *trytonrpc.Unit  `json:"sale_uom."`
	Category  *trytonrpc.Named `json:"account_category."`
	Template  trytonrpc.Stamps `json:"template."`
}

// Modified is when the product, or the template that it shares its facts with, last changed.
func (p product) Modified() time.Time {
	if t := p.Template.Modified(); t.After(p.Stamps.Modified()) {
		return t
	}
	return p.Stamps.Modified()
}

func productFields() []string {
	return []string{"code", "name", "active", "salable", "list_price", "sale_uom.symbol", "sale_uom.digits", "account_category.name", "create_date", "write_date", "template.create_date", "template.write_date"}
}

func (p product) item(h *home, at lookup.Provenance) catalog.Item {
	return catalog.Item{
		SKU: trade.SKU(p.Code), Name: p.Name, Category: p.Category.Text(), Unit: p.Unit.Text(), TaxClass: p.Category.Text(), Blocked: !p.Salable || !p.Active,
		ListPrice: trade.Money{Amount: p.ListPrice.Value(), Currency: h.Code}, SourceRef: strconv.Itoa(p.ID), Provenance: at,
	}
}

// Items reads products by code.
func (c *Client) Items(ctx context.Context, skus []trade.SKU) ([]lookup.Result[*catalog.Item], error) {
	return lookup.Ordered(c.items)(ctx, skus)
}

func (c *Client) items(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, *catalog.Item], error) {
	return answer(ctx, c, skus, func(h *home, skus []trade.SKU, out lookup.Answers[trade.SKU, *catalog.Item]) error {
		at := c.live()
		list, err := trytonrpc.ByKeys[product](ctx, c.rpc, h.Company, "items", "product.product", "code", skus, productFields(), nil, trytonrpc.InactiveToo())
		for _, p := range list {
			i := p.item(h, at)
			out.Found[i.SKU] = &i
		}
		return err
	})
}

// Rules reads the places that a quantity of an item's unit may have. Tryton knows no least quantities.
func (c *Client) Rules(ctx context.Context, skus []trade.SKU) (lookup.Answers[trade.SKU, catalog.Rule], error) {
	return answer(ctx, c, skus, func(h *home, skus []trade.SKU, out lookup.Answers[trade.SKU, catalog.Rule]) error {
		list, err := trytonrpc.ByKeys[product](ctx, c.rpc, h.Company, "item rules", "product.product", "code", skus, []string{"code", "sale_uom.digits"}, nil, trytonrpc.InactiveToo())
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
	also := []any{trytonrpc.InactiveToo()}
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
	Code  string           `json:"code"`
	Limit *trytonrpc.Money `json:"credit_limit_amount"`
	Used  *trytonrpc.Money `json:"credit_amount"`
	Owed  *trytonrpc.Money `json:"receivable"`
	Due   *trytonrpc.Money `json:"receivable_today"`
}

// Credit reads limits, what is owed and what is ordered: the product's credit amount is both.
func (c *Client) Credit(ctx context.Context, ids []trade.AccountID) (lookup.Answers[trade.AccountID, finance.Credit], error) {
	return answer(ctx, c, ids, func(h *home, ids []trade.AccountID, out lookup.Answers[trade.AccountID, finance.Credit]) error {
		list, err := trytonrpc.ByKeys[creditOf](ctx, c.rpc, h.Company, "credit", "party.party", "code", ids, []string{"code", "credit_limit_amount", "credit_amount", "receivable", "receivable_today"}, nil, trytonrpc.InactiveToo())
		for _, p := range list {
			f := finance.Credit{Account: trade.AccountID(p.Code), Source: c.rpc.Name(), Currency: h.Code, Balance: p.Owed.Value(), Overdue: p.Due.Value(), OpenOrders: trade.Less(p.Used.Value(), p.Owed.Value())}
			if p.Limit != nil {
				limit := p.Limit.Value()
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
func (c *Client) Prices(ctx context.Context, keys []pricing.Key) ([]lookup.Result[*pricing.Price], error) {
	return lookup.InOrder(keys, c.prices(ctx, lookup.Unique(keys))), ctx.Err()
}

func (c *Client) prices(ctx context.Context, keys []pricing.Key) lookup.Answers[pricing.Key, *pricing.Price] {
	if len(keys) == 0 {
		return lookup.Empty[pricing.Key, *pricing.Price](0)
	}
	h, err := c.where(ctx)
	if err != nil {
		return lookup.AllFailed[pricing.Key, *pricing.Price](keys, err)
	}
	ids := make([]trade.AccountID, len(keys))
	asked := map[question][]pricing.Key{}
	for i, k := range keys {
		in := k.Context()
		ids[i] = in.Account
		q := question{in, k.Quantity}
		asked[q] = append(asked[q], k)
	}
	list, err := trytonrpc.ByKeys[party](ctx, c.rpc, h.Company, "price lists", "party.party", "code", lookup.Unique(ids), []string{"code", "sale_price_list"}, nil)
	if err != nil {
		return lookup.AllFailed[pricing.Key, *pricing.Price](keys, err)
	}
	parties := map[trade.AccountID]party{}
	for _, p := range list {
		parties[trade.AccountID(p.Code)] = p
	}
	var quotes []func() lookup.Answers[pricing.Key, *pricing.Price]
	for q, ks := range asked {
		p, known := parties[q.Account]
		if !known {
			continue // an unknown customer has no prices
		}
		quotes = append(quotes, func() lookup.Answers[pricing.Key, *pricing.Price] { return c.quote(ctx, h, p, q, ks) })
	}
	return lookup.Merged(quotes)
}

func (c *Client) quote(ctx context.Context, h *home, p party, q question, keys []pricing.Key) lookup.Answers[pricing.Key, *pricing.Price] {
	switch {
	case q.Branch != "":
		return lookup.AllFailed[pricing.Key, *pricing.Price](keys, fault.New(fault.Unsupported, "its price lists know no branches, such as %q: leave the branch out", q.Branch).From(c.rpc.Name()))
	case q.Currency != "" && q.Currency != h.Code:
		return lookup.Empty[pricing.Key, *pricing.Price](0) // its price lists are in the company's currency
	}
	more := map[string]any{"customer": p.ID, "quantity": json.Number(q.quantity), "currency": h.Currency}
	if p.PriceList != nil {
		more["price_list"] = *p.PriceList
	}
	if q.Date != "" {
		if on, err := time.Parse(time.DateOnly, string(q.Date)); err == nil {
			more["sale_date"] = trytonrpc.Day(on)
		}
	}
	skus := make([]trade.SKU, len(keys))
	at := map[trade.SKU][]pricing.Key{}
	for i, k := range keys {
		skus[i] = k.SKU
		at[k.SKU] = append(at[k.SKU], k)
	}
	live := c.live()
	list, err := trytonrpc.ByKeys[product](ctx, c.rpc, h.Company, "prices", "product.product", "code", lookup.Unique(skus), []string{"code", "list_price", "sale_price_uom", "sale_uom.symbol"}, more, []any{"salable", "=", true})
	if err != nil {
		return lookup.AllFailed[pricing.Key, *pricing.Price](keys, err)
	}
	out := lookup.Empty[pricing.Key, *pricing.Price](len(keys))
	for _, row := range list {
		for _, k := range at[trade.SKU(row.Code)] {
			if row.Price == nil || (k.Unit != "" && k.Unit != row.Unit.Text()) {
				continue
			}
			out.Found[k] = &pricing.Price{
				Key: k, Unit: row.Unit.Text(), UnitPrice: trade.Money{Amount: row.Price.Value().Round(trytonrpc.PriceDigits).Trim(2), Currency: h.Code}, ListPrice: trade.Money{Amount: row.ListPrice.Value(), Currency: h.Code}, Provenance: live,
			}
		}
	}
	return out
}
