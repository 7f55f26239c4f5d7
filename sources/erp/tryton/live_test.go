//go:build live

package tryton_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/live/livetest"
	"crossdock/sources/erp/tryton"
	"crossdock/sources/sourcetest"
	"crossdock/sources/transport"
	"crossdock/sources/trytonrpc"
)

// product is the ERP that live/ has started.
type product struct{ *livetest.Tryton }

func newProduct(t *testing.T) product {
	t.Helper()
	return product{livetest.NewTryton(t, "LIVE_ERP", "erp")}
}

// orders counts sales with our number.
func (p product) orders(number string) int {
	return p.Count("sale.sale", []any{"web_id", "=", number})
}

// touch changes a record's name.
func (p product) touch(model, field, key string) {
	p.Write(model, p.IDs(model, []any{field, "=", key}), map[string]any{"name": fmt.Sprint("Touched ", time.Now().UnixNano())})
}

func (p product) client(t *testing.T) *tryton.Client {
	t.Helper()
	c, err := tryton.New("erp", p.URL, tryton.Config{Config: trytonrpc.Config{Database: "erp", User: "crossdock", Password: livetest.Password, Policy: transport.Policy{Timeout: 20 * time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTrytonPassesTheSuiteOfAnERP on the real product.
func TestTrytonPassesTheSuiteOfAnERP(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	c := p.client(t)
	accounts, items := []trade.AccountID{"C20005", "C20002"}, []trade.SKU{"MI-1004", "MI-1005"}
	sourcetest.TestERP(t, sourcetest.ERP{
		SystemOfRecord: c, Accounts: accounts, Items: items, Unit: "u", BreakAt: "100", Ruled: items, Many: 700, Run: fmt.Sprint(time.Now().UnixNano(), "-"), UniqueOrders: true, UniqueMemos: true,
		Orders: p.orders, Memos: p.orders,
		TouchAccount: func(n int) string {
			p.touch("party.party", "code", string(accounts[n%2]))
			return string(accounts[n%2])
		},
		TouchItem: func(n int) string {
			p.touch("product.template", "products.code", string(items[n%2]))
			return string(items[n%2])
		},
		PostAll: func(theirs string) {
			a, err := c.Posted(t.Context(), []string{theirs})
			if err != nil {
				t.Fatal(err)
			}
			two := trade.MustDecimal("2")
			if err := c.Post(t.Context(), finance.Posting{OrderNumber: a.Found[theirs].Number, Shipped: map[int]trade.Decimal{1: two, 2: two}}); err != nil {
				t.Fatal(err)
			}
		},
		Lose: livetest.Switched(&p.Lose), Down: livetest.Switched(&p.Down),
	})
}

// TestACreditLimitStopsAnOrderUntilSomebodyLetsItGo: nothing is confirmed by itself.
func TestACreditLimitStopsAnOrderUntilSomebodyLetsItGo(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	c := p.client(t)
	price := trade.Money{Amount: trade.MustDecimal("100"), Currency: "USD"}
	o := &orders.Order{Number: fmt.Sprint("SO-CREDIT-", time.Now().UnixNano()), Account: "C20004", Currency: "USD", PlacedAt: time.Now(), Lines: []orders.Line{
		{Number: 1, SKU: "MI-1004", Quantity: trade.Quantity{Value: trade.MustDecimal("3"), Unit: "u"}, UnitPrice: price},
	}}
	r, err := c.Register(t.Context(), o)
	if err != nil || !r.Unconfirmed || len(r.Stops) != 1 || !strings.Contains(r.Stops[0].Message, "credit limit") {
		t.Fatalf("an order over the limit is registered as %+v, %v", r, err)
	}
	if again, err := c.Confirm(t.Context(), o.Number, []string{"something else"}); err != nil || !again.Unconfirmed {
		t.Errorf("it is confirmed though nobody has let it go: %+v, %v", again, err)
	}
	if after, err := c.Confirm(t.Context(), o.Number, []string{r.Stops[0].Name}); err != nil || after.Unconfirmed {
		t.Errorf("it is not confirmed though somebody has let it go: %+v, %v", after, err)
	}
}

// TestAWrongPasswordIsTriedOnce, however many ask, so that people still get in.
func TestAWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	c, err := tryton.New("erp", p.URL, tryton.Config{Config: trytonrpc.Config{Database: "erp", User: "crossdock", Password: "not it", Policy: transport.Policy{Timeout: 20 * time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			a, err := c.Credit(t.Context(), []trade.AccountID{"C20001"})
			if failed := a.Failed["C20001"]; err != nil || fault.KindOf(failed) != fault.Denied {
				t.Errorf("with a wrong password credit is %v, %v", failed, err)
			}
		})
	}
	wg.Wait()
	if n := p.Calls.Load(); n != 1 {
		t.Errorf("it was tried %d times", n)
	}
	var session []any
	p.Call("common.db.login", []any{"crossdock", map[string]string{"password": livetest.Password}}, &session)
}
