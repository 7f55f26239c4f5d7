package finance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crossdock/domains/finance"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// ledger is an ERP that counts an order as open from the moment it has it.
type ledger struct {
	open, balance int
	// around runs while a read is under way: before and after the figure is taken.
	around func()
}

func (l *ledger) Credit(_ context.Context, accounts []trade.AccountID) (lookup.Answers[trade.AccountID, finance.Credit], error) {
	out := lookup.Empty[trade.AccountID, finance.Credit](1)
	l.around()
	for _, a := range accounts {
		out.Found[a] = finance.Credit{Account: a, Source: "erp", Currency: "USD", Balance: whole(l.balance), OpenOrders: whole(l.open)}
	}
	l.around()
	return out, nil
}

func whole(n int) trade.Decimal { return trade.MustDecimal(fmt.Sprint(n)) }

// order is one accepted amount on its way to the ERP.
type order struct {
	id                 trade.OrderID
	amount             int
	sent, taken, known bool
}

var errProbe = errors.New("probe")

// TestEveryAcceptedAmountCountsOnce runs random schedules of acceptance, registration, loss of the
// answer, discovery, invoicing and read, each step also inside a read, and compares what counts
// against the credit with what was accepted after every step.
func TestEveryAcceptedAmountCountsOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.Database(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		ctx, account := context.Background(), trade.AccountID(fmt.Sprint("C", run))
		erp := &ledger{around: func() {}}
		s := finance.New(pool, erp, time.Hour, lookup.Ages{}, time.Now)
		must := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		inTx := func(fn func(tx postgres.Tx) error) { must(postgres.InTx(ctx, pool, fn)) }
		expose := func(o *order) {
			inTx(func(tx postgres.Tx) error {
				_, err := s.Expose(ctx, tx, account, o.id, trade.Money{Amount: whole(o.amount), Currency: "USD"})
				return err
			})
		}
		var all []*order
		pick := func(ok func(*order) bool) *order {
			some := slices.DeleteFunc(slices.Clone(all), func(o *order) bool { return !ok(o) })
			if len(some) == 0 {
				return nil
			}
			return some[rapid.IntRange(0, len(some)-1).Draw(rt, "which")]
		}
		step := func() {
			switch rapid.SampledFrom([]string{"accept", "send", "take", "learn", "refuse", "cancel", "again", "invoice"}).Draw(rt, "step") {
			case "accept":
				o := &order{id: trade.OrderID(postgres.NewID()), amount: rapid.IntRange(1, 9).Draw(rt, "amount")}
				expose(o)
				all = append(all, o)
			case "send":
				if o := pick(func(o *order) bool { return !o.sent }); o != nil {
					must(s.Registering(ctx, o.id))
					o.sent = true
				}
			case "take":
				if o := pick(func(o *order) bool { return o.sent && !o.taken }); o != nil {
					o.taken = true
					erp.open += o.amount
				}
			case "learn":
				if o := pick(func(o *order) bool { return o.taken && !o.known }); o != nil {
					inTx(func(tx postgres.Tx) error { return s.Registered(ctx, tx, o.id) })
					o.known = true
				}
			case "refuse":
				if o := pick(func(o *order) bool { return o.sent && !o.taken }); o != nil {
					must(s.NotRegistered(ctx, o.id))
					o.sent = false
				}
			case "cancel":
				if o := pick(func(o *order) bool { return !o.sent }); o != nil {
					inTx(func(tx postgres.Tx) error { return s.Unexpose(ctx, tx, o.id) })
					all = slices.DeleteFunc(all, func(v *order) bool { return v == o })
				}
			case "again":
				// A held order is decided again, though it may be on its way.
				if o := pick(func(o *order) bool { return !o.known }); o != nil {
					expose(o)
				}
			case "invoice":
				// Invoiced amounts move from open orders to the balance at once.
				if erp.open > 0 {
					erp.open--
					erp.balance++
				}
			}
		}
		check := func(when string) {
			want := 0
			for _, o := range all {
				want += o.amount
			}
			err := postgres.InTx(ctx, pool, func(tx postgres.Tx) error {
				p, err := s.Expose(ctx, tx, account, trade.OrderID(postgres.NewID()), trade.Money{Currency: "USD"})
				if err != nil {
					return err
				}
				if got := trade.Sum(p.Exposed.Amount, p.OpenOrders.Amount, p.Balance.Amount); got.Cmp(whole(want)) != 0 {
					rt.Fatalf("%s: %s counts, %d was accepted", when, got, want)
				}
				return errProbe
			})
			if !errors.Is(err, errProbe) {
				rt.Fatal(err)
			}
		}
		must(s.Refresh(ctx, account))
		for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
			step()
			check("after a step")
			erp.around = func() {
				for range rapid.IntRange(0, 3).Draw(rt, "steps") {
					step()
				}
			}
			must(s.Refresh(ctx, account))
			erp.around = func() {}
			check("after a read")
		}
	})
}
