package main

import (
	"context"
	"slices"
	"sync"
	"testing"

	"crossdock/domains/lookup"
	"crossdock/domains/orders"
	"crossdock/domains/trade"
)

// asking is an ERP that has an order and asks before it takes it up.
type asking struct {
	orders.Registrar
	mu    sync.Mutex
	taken map[string]bool
}

const limitStop = "credit_limit"

func (a *asking) seen(r orders.Registration) orders.Registration {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.Unconfirmed = !a.taken[r.Number]
	return r
}

// Register implements orders.Registrar.
func (a *asking) Register(ctx context.Context, o *orders.Order) (orders.Registration, error) {
	r, err := a.Registrar.Register(ctx, o)
	return a.seen(r), err
}

// Registrations implements orders.Registrar.
func (a *asking) Registrations(ctx context.Context, numbers []string) (lookup.Answers[string, orders.Registration], error) {
	out, err := a.Registrar.Registrations(ctx, numbers)
	for n, r := range out.Found {
		out.Found[n] = a.seen(r)
	}
	return out, err
}

// Confirm implements orders.Confirmer.
func (a *asking) Confirm(ctx context.Context, number string, despite []string) (orders.Registration, error) {
	if slices.Contains(despite, limitStop) {
		a.mu.Lock()
		a.taken[number] = true
		a.mu.Unlock()
	}
	found, err := a.Registrations(ctx, []string{number})
	r := found.Found[number]
	if r.Unconfirmed {
		r.Stops = []orders.Stop{{Name: limitStop, Message: "the customer has reached the limit"}}
	}
	return r, err
}

// TestWhatTheERPAsksHoldsTheOrder until somebody lets it go, and then it is confirmed and no other way. The
// order is counted all the time, and registered once.
func TestWhatTheERPAsksHoldsTheOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	erp := &asking{Registrar: w.erp, taken: map[string]bool{}}
	w.processes.Systems.Registrar, w.processes.Systems.Confirmer = erp, erp
	w.start()
	a := w.place("asks", draft("C10001", line("SKU-1000", "2")))
	held := func() *orders.Hold {
		for _, h := range w.order(a.OrderID).ActiveHolds() {
			if h.Code == "SOURCE_STOPPED" {
				return &h
			}
		}
		return nil
	}
	w.until("the order is held", func() bool { return held() != nil })
	if o := w.order(a.OrderID); o.Status != orders.OnHold || len(o.References) != 0 {
		t.Errorf("an order that the ERP has not taken up is %s with %v", o.Status, o.References)
	}
	exposed := func() (n int) {
		if err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM exposures WHERE order_id = $1 AND release_end IS NULL`, a.OrderID).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if exposed() != 1 {
		t.Error("the amount of an order that the ERP does not count is not counted here either")
	}
	if _, err := w.orders.ReleaseHold(t.Context(), service(), a.OrderID, nil, held().ID, "paid by wire today"); err != nil {
		t.Fatal(err)
	}
	w.until("the ERP has taken it up", func() bool {
		o := w.order(a.OrderID)
		return len(o.References) == 1 && len(o.ActiveHolds()) == 0
	})
	w.until("it is delivered and invoiced", func() bool {
		w.step()
		return w.order(a.OrderID).Lines[0].Invoiced.Equal(trade.MustDecimal("2"))
	})
	if n := w.copies("erpOrders")(w.order(a.OrderID).Number); n != 1 {
		t.Errorf("the ERP has the order %d times", n)
	}
}
