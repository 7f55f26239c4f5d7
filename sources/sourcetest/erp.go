package sourcetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"crossdock/domains/accounts"
	"crossdock/domains/catalog"
	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/pricing"
	"crossdock/domains/trade"
)

// SystemOfRecord is everything that an ERP's adapter does.
type SystemOfRecord interface {
	accounts.Source
	catalog.Source
	pricing.Source
	finance.CreditSource
	finance.Books
	finance.Archive
	orders.Registrar
	orders.Archive
}

// ERP is an ERP's adapter with what the suite needs to know of the books behind it.
type ERP struct {
	SystemOfRecord
	// Accounts are at least two that exist, with ship-tos and enough credit. Items are at least two that
	// exist and are in stock; Unit is what they are sold in.
	Accounts []trade.AccountID
	Items    []trade.SKU
	Unit     trade.Unit
	// BreakAt is a quantity from which the first account pays less for one of the first item.
	BreakAt string
	// Ruled are items that may only be ordered by some rule; none where the product has no rules.
	Ruled []trade.SKU
	// Many is more than one call of the product takes.
	Many int
	// Run begins all numbers, where the books outlive the test.
	Run string
	// UniqueOrders and UniqueMemos say that the product itself refuses a second one of a number.
	UniqueOrders, UniqueMemos bool
	// Orders and Memos ask the product's own books how many it has of a number.
	Orders, Memos func(number string) int
	// TouchAccount and TouchItem change one of the known things as a person would, each time another.
	TouchAccount, TouchItem func(n int) string
	// PostAll has a person post an open order whole, by the product's own number.
	PostAll func(theirNumber string)
	// Lose and Down are those of a Command.
	Lose, Down func() (undo func())
}

// TestERP runs every suite that an ERP's adapter must pass.
func TestERP(t *testing.T, e ERP) {
	t.Helper()
	t.Run("accounts", func(t *testing.T) {
		Test(t, Port[trade.AccountID, accounts.Account]{
			Ask: e.SystemOfRecord.Accounts, Known: e.Accounts, Unknown: Numbered[trade.AccountID]("NOBODY"), KeyOf: func(a accounts.Account) trade.AccountID { return a.ID }, Many: e.Many, Down: e.Down,
		})
		Test(t, Port[trade.AccountID, []accounts.ShipTo]{
			Ask: e.ShipTos, Known: e.Accounts, Unknown: Numbered[trade.AccountID]("NOBODY"), Many: e.Many, Down: e.Down,
		})
		Test(t, Port[trade.AccountID, finance.Credit]{
			Ask: e.Credit, Known: e.Accounts, Unknown: Numbered[trade.AccountID]("NOBODY"), KeyOf: func(c finance.Credit) trade.AccountID { return c.Account }, Many: e.Many, Down: e.Down,
		})
		TestFeed(t, Feed[accounts.Account]{
			Read: e.AccountsSince, KeyOf: func(a accounts.Account) string { return string(a.ID) }, Change: counted(e.TouchAccount), Down: e.Down,
		})
	})
	t.Run("items", func(t *testing.T) {
		Test(t, Port[trade.SKU, *catalog.Item]{
			Ask: ByKey(e.SystemOfRecord.Items), Known: e.Items, Unknown: Numbered[trade.SKU]("O'NOTHING"), KeyOf: func(i *catalog.Item) trade.SKU { return i.SKU }, Many: e.Many, Down: e.Down,
		})
		if len(e.Ruled) > 0 {
			Test(t, Port[trade.SKU, catalog.Rule]{Ask: e.Rules, Known: e.Ruled, Unknown: Numbered[trade.SKU]("O'NOTHING"), Many: e.Many, Down: e.Down})
		}
		TestFeed(t, Feed[catalog.Item]{
			Read: e.ItemsSince, KeyOf: func(i catalog.Item) string { return string(i.SKU) }, Change: counted(e.TouchItem), Down: e.Down,
		})
	})
	t.Run("prices", e.prices)
	t.Run("orders", func(t *testing.T) {
		TestCommand(t, Command[orders.Registration]{
			Do: func(ctx context.Context, number string) error {
				_, err := e.Register(ctx, e.order(number))
				return err
			},
			Find: e.Registrations, Key: Numbered[string](e.Run + "SO-T"), Unique: e.UniqueOrders, Copies: e.Orders, Lose: e.Lose, Down: e.Down,
		})
		n := 0
		TestFeed(t, Feed[orders.Registration]{
			Read: e.RegistrationsSince, KeyOf: func(r orders.Registration) string { return r.TheirNumber }, Down: e.Down,
			Change: func() string {
				n++
				return e.registered(t, fmt.Sprint(e.Run, "SO-F", n)).TheirNumber
			},
		})
	})
	t.Run("less of an order", e.less)
	t.Run("posting", e.posting)
	t.Run("credit memos", e.memos)
	t.Run("documents", e.documents)
}

// counted calls a function of a number with 1, 2 and so on.
func counted(fn func(int) string) func() string {
	n := 0
	return func() string {
		n++
		return fn(n)
	}
}

func one() trade.Decimal { return trade.MustDecimal("1") }

func two() trade.Decimal { return trade.MustDecimal("2") }

func (e ERP) key(account trade.AccountID, sku trade.SKU, quantity string) pricing.Key {
	return pricing.NewKey(account, sku, trade.Quantity{Value: trade.MustDecimal(quantity), Unit: e.Unit}, "", "")
}

// prices of accounts, quantities and items asked at once are never mixed.
func (e ERP) prices(t *testing.T) {
	t.Helper()
	known := []pricing.Key{e.key(e.Accounts[0], e.Items[0], "1"), e.key(e.Accounts[0], e.Items[0], e.BreakAt), e.key(e.Accounts[1], e.Items[0], "1"), e.key(e.Accounts[1], e.Items[1], "5")}
	ask := ByKey(e.Prices)
	answers, err := ask(t.Context(), known)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range known {
		if answers.Found[k] == nil {
			t.Fatalf("%v has no price: %v", k, answers.Failed[k])
		}
	}
	if one, many := answers.Found[known[0]].UnitPrice.Amount, answers.Found[known[1]].UnitPrice.Amount; many.Cmp(one) >= 0 {
		t.Errorf("one costs %s and %s cost %s each: the break is lost", one, e.BreakAt, many)
	}
	for _, k := range known {
		alone, err := ask(t.Context(), []pricing.Key{k})
		if err != nil || alone.Found[k] == nil {
			t.Fatalf("%v alone has no price: %v, %v", k, alone.Failed[k], err)
		}
		if a, b := alone.Found[k].UnitPrice, answers.Found[k].UnitPrice; !a.Amount.Equal(b.Amount) || a.Currency != b.Currency {
			t.Errorf("%v alone costs %s, among others %s", k, a, b)
		}
	}
	unknown := Numbered[trade.SKU]("NOTHING")
	Test(t, Port[pricing.Key, *pricing.Price]{
		Ask: ask, Known: known, Unknown: func(n int) pricing.Key { return e.key(e.Accounts[0], unknown(n), "1") },
		KeyOf: func(p *pricing.Price) pricing.Key { return p.Key }, Many: e.Many, Down: e.Down,
	})
}

// order is one of two lines of the first account.
func (e ERP) order(number string) *orders.Order {
	line := func(n int, sku trade.SKU) orders.Line {
		price := trade.Money{Amount: trade.MustDecimal("9.5"), Currency: "USD"}
		return orders.Line{Number: n, SKU: sku, Quantity: trade.Quantity{Value: two(), Unit: e.Unit}, UnitPrice: price, Amount: price.Times(two())}
	}
	return &orders.Order{
		Number: number, Account: e.Accounts[0], PONumber: "PO-" + number, Currency: "USD", PlacedAt: time.Now(), Lines: []orders.Line{line(1, e.Items[0]), line(2, e.Items[1])},
		ShipTo: trade.Address{Name: "Ada", Line1: "1 Main St", City: "Columbus", Region: "OH", PostalCode: "43085", Country: "US"},
	}
}

func (e ERP) registered(t *testing.T, number string) orders.Registration {
	t.Helper()
	r, err := e.Register(t.Context(), e.order(number))
	if err != nil {
		t.Fatalf("register %s: %v", number, err)
	}
	if r.Number != number || r.TheirNumber == "" || r.Account != e.Accounts[0] || len(r.Lines) != 2 {
		t.Errorf("%s is registered as %+v", number, r)
	}
	return r
}

// registration reads one back.
func (e ERP) registration(t *testing.T, number string) (orders.Registration, bool) {
	t.Helper()
	a, err := e.Registrations(t.Context(), []string{number})
	if err != nil || a.Failed[number] != nil {
		t.Fatalf("registration of %s: %v %v", number, err, a.Failed[number])
	}
	r, ok := a.Found[number]
	return r, ok
}

// less takes some off an order, and then all of it, each as often as one likes.
func (e ERP) less(t *testing.T) {
	t.Helper()
	number := e.Run + "SO-LESS"
	e.registered(t, number)
	for range 2 {
		r, err := e.Reduce(t.Context(), number, map[int]trade.Decimal{1: one(), 2: two()})
		if err != nil || len(r.Lines) != 2 || !r.Lines[0].Quantity.Value.Equal(one()) || !r.Lines[1].Quantity.Value.Equal(two()) {
			t.Errorf("one of two is left as %+v, %v", r.Lines, err)
		}
	}
	if err := e.Withdraw(t.Context(), number); err != nil {
		t.Errorf("withdraw: %v", err)
	}
	if r, ok := e.registration(t, number); ok && !r.Cancelled {
		t.Errorf("an order that was withdrawn is %+v", r)
	}
	if err := e.Withdraw(t.Context(), number); err != nil && fault.KindOf(err) != fault.NotFound {
		t.Errorf("withdraw again: %v", err)
	}
	if _, err := e.Reduce(t.Context(), "SO-NEVER", map[int]trade.Decimal{1: one()}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("less of an order that never was is %v", err)
	}
}

// posting ships and invoices up to a target, however often it is asked to, and though a reply gets lost.
func (e ERP) posting(t *testing.T) {
	t.Helper()
	number := e.Run + "SO-POST"
	e.registered(t, number)
	target := func(first, second trade.Decimal) finance.Posting {
		return finance.Posting{OrderNumber: number, Shipped: map[int]trade.Decimal{1: first, 2: second}, Items: map[trade.SKU]trade.Decimal{e.Items[0]: first, e.Items[1]: second}}
	}
	invoiced := func() map[trade.SKU]string {
		t.Helper()
		a, err := e.Invoices(t.Context(), []string{number, "SO-NEVER"})
		if err != nil || a.Failed[number] != nil || len(a.Found["SO-NEVER"]) > 0 {
			t.Fatalf("invoices: %v %v", a, err)
		}
		sum := map[trade.SKU]trade.Decimal{}
		for _, d := range a.Found[number] {
			if d.Kind != finance.Invoice || d.Number == "" || d.PostedOn == "" || d.Account != e.Accounts[0] || d.OrderNumber != number || !d.Total.Amount.IsPos() {
				t.Errorf("an invoice is %+v", d)
			}
			for _, l := range d.Lines {
				sum[l.SKU] = trade.Sum(sum[l.SKU], l.Quantity.Value)
			}
		}
		out := map[trade.SKU]string{}
		for sku, q := range sum {
			out[sku] = q.Trim(0).String()
		}
		return out
	}
	expect := func(when string, first, second string) {
		t.Helper()
		if got := invoiced(); got[e.Items[0]] != first || got[e.Items[1]] != second {
			t.Errorf("%s: invoiced are %v, not %q and %q", when, got, first, second)
		}
	}
	expect("before", "", "")
	for range 2 {
		if err := e.Post(t.Context(), target(one(), trade.Decimal{})); err != nil {
			t.Errorf("post one: %v", err)
		}
		expect("one of two", "1", "")
	}
	undo := e.Down()
	if err := e.Post(t.Context(), target(two(), one())); err == nil || !fault.Retryable(err) {
		t.Errorf("post while the product is down: %v", err)
	}
	undo()
	undo = e.Lose()
	if err := e.Post(t.Context(), target(two(), one())); err == nil || !fault.Unsure(err) {
		t.Errorf("a post whose reply is lost: %v", err)
	}
	undo()
	for range 2 {
		if err := e.Post(t.Context(), target(two(), one())); err != nil {
			t.Errorf("post again after a lost reply: %v", err)
		}
		expect("after a lost reply", "2", "1")
	}
	for range 2 {
		if err := e.Post(t.Context(), target(two(), two())); err != nil {
			t.Errorf("post the rest: %v", err)
		}
		expect("in the end", "2", "2")
	}
	if r, ok := e.registration(t, number); !ok || r.Copies != 1 {
		t.Errorf("an order that was posted whole is %t %+v", ok, r)
	}
}

// memos are issued once for goods that were shipped and came back.
func (e ERP) memos(t *testing.T) {
	t.Helper()
	number := e.Run + "SO-BACK"
	many := trade.MustDecimal("10")
	o := e.order(number)
	for i := range o.Lines {
		o.Lines[i].Quantity.Value = many
	}
	if _, err := e.Register(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	err := e.Post(t.Context(), finance.Posting{OrderNumber: number, Shipped: map[int]trade.Decimal{1: many, 2: many}, Items: map[trade.SKU]trade.Decimal{e.Items[0]: many, e.Items[1]: many}})
	if err != nil {
		t.Fatal(err)
	}
	TestCommand(t, Command[finance.Document]{
		Do: func(ctx context.Context, key string) error {
			return e.Issue(ctx, finance.CreditNote{Number: key, OrderNumber: number, Account: e.Accounts[0], Currency: "USD", Lines: []finance.DocumentLine{
				{Number: 1, SKU: e.Items[0], Quantity: trade.Quantity{Value: one(), Unit: e.Unit}, UnitPrice: trade.Money{Amount: trade.MustDecimal("9.5"), Currency: "USD"}},
			}})
		},
		Find: e.CreditMemos, Key: Numbered[string](e.Run + "RT-T"), Unique: e.UniqueMemos, Copies: e.Memos, Lose: e.Lose, Down: e.Down,
	})
}

// documents that are posted, by whomever, are in both lists, and build their order again.
func (e ERP) documents(t *testing.T) {
	t.Helper()
	n := 0
	posted := func() string {
		n++
		theirs := e.registered(t, fmt.Sprint(e.Run, "SO-D", n)).TheirNumber
		e.PostAll(theirs)
		return theirs
	}
	for name, read := range map[string]func(context.Context, finance.Kind, string) (lookup.Page[finance.Document], error){"since": e.DocumentsSince, "after": e.DocumentsAfter} {
		TestFeed(t, Feed[finance.Document]{
			Read: func(ctx context.Context, cursor string) (lookup.Page[finance.Document], error) {
				return read(ctx, finance.Invoice, cursor)
			},
			KeyOf: func(d finance.Document) string { return d.TheirOrder }, Change: posted, Down: e.Down, Opaque: name == "after",
		})
	}
	known := []string{posted(), posted()}
	Test(t, Port[string, orders.Registration]{
		Ask: e.Posted, Known: known, Unknown: Numbered[string]("NEVER"), KeyOf: func(r orders.Registration) string { return r.TheirNumber }, Many: e.Many, Down: e.Down,
	})
	a, err := e.Posted(t.Context(), known)
	if err != nil {
		t.Fatal(err)
	}
	for _, theirs := range known {
		if r := a.Found[theirs]; len(r.Lines) != 2 || !r.Lines[0].Shipped.Equal(two()) || r.Account != e.Accounts[0] {
			t.Errorf("order %s is built of its invoices as %+v", theirs, r)
		}
	}
}
