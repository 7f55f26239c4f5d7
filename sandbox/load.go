package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"crossdock/domains/trade"
	"crossdock/sandbox/exports"
)

// Loaded makes the world of a distributor's own exports. Its places are warehouses of the bespoke
// system, or ShipBob's where the exports say 3PL. What has shipped of an order was invoiced on the
// order's day.
func Loaded(b *exports.Business) Maker {
	return Maker{origin: "the exports " + b.Fingerprint[:12], insists: true, make: func(w *World) {
		l := loading{w, b, w.now(), map[string]*Site{}}
		l.customers()
		l.items()
		l.places()
		l.orders()
		w.guide = w.suggest()
		for _, number := range sorted(w.customers) {
			w.add("customer", number, w.customers[number])
		}
	}}
}

type loading struct {
	*World
	from  *exports.Business
	stamp time.Time
	// nodes are the sites by the distributor's own names.
	nodes map[string]*Site
}

func (l *loading) customers() {
	for _, a := range l.from.Accounts {
		l.World.customers[a.Number] = &customer{
			ID: guid(), Number: a.Number, Name: a.Name, Currency: string(a.Currency), Blocked: a.Blocked, Terms: a.Terms, TaxArea: a.TaxArea, TaxLiable: a.TaxLiable && a.TaxArea != "",
			Limit: a.Limit, Balance: a.Balance, Overdue: a.Overdue, Discount: a.Discount, Address: a.Address, ShipTos: a.ShipTos, Modified: l.stamp,
		}
	}
}

func (l *loading) items() {
	prices := map[string][]priceLine{}
	for _, p := range l.from.Prices {
		prices[p.SKU] = append(prices[p.SKU], priceLine{Customer: p.Account, From: p.From, Price: p.Price, Starts: p.Starts, Ends: p.Ends})
	}
	for n, i := range l.from.Items {
		l.put(&item{
			ID: guid(), Number: i.SKU, Name: i.Name, Category: i.Category, Unit: i.Unit, TaxGroup: i.TaxClass, GTIN: i.GTIN, Blocked: i.Blocked, Price: i.Price,
			Minimum: i.Minimum, Multiple: i.Multiple, Decimals: i.Decimals, Prices: prices[i.SKU], InventoryID: int64(20_000 + n), Modified: l.stamp,
		})
	}
}

// places makes a site of every node, and puts what is there onto it.
func (l *loading) places() {
	centers := 0
	var sites []*Site
	for _, s := range l.from.Stock {
		if l.nodes[s.Node] != nil {
			continue
		}
		site := &Site{System: "wms", Code: s.Node, Node: s.Node, Name: s.Node}
		if s.ThirdParty {
			centers++
			// The first is the one 3PL's, the others are the other's.
			if site.System, site.Code = shipBobSouth, strconv.Itoa(centers); centers == 1 {
				site.System = shipBobMain
			}
		}
		l.nodes[s.Node] = site
		sites = append(sites, site)
	}
	// Own warehouses come first.
	slices.SortStableFunc(sites, func(a, b *Site) int { return rank(a) - rank(b) })
	for _, s := range sites {
		l.sites = append(l.sites, *s)
	}
	for _, s := range l.from.Stock {
		site := l.nodes[s.Node]
		st := l.stock[stockKey(site.System, site.Code, s.SKU)]
		if st == nil {
			st = &stock{System: site.System, Site: site.Code, SKU: s.SKU}
			l.stock[stockKey(site.System, site.Code, s.SKU)] = st
		}
		// Bins and lots of one place come as rows of their own.
		st.OnHand, st.Allocated, st.Inbound = trade.Sum(st.OnHand, s.OnHand), trade.Sum(st.Allocated, s.Allocated), trade.Sum(st.Inbound, s.Inbound)
	}
	for _, st := range sortedValues(l.stock) {
		l.shelve(st)
	}
}

func (l *loading) orders() {
	b := &bc{Server: &Server{world: l.World}}
	for _, o := range l.from.Orders {
		if o.Cancelled {
			continue // an ERP keeps no cancelled orders: it deletes them
		}
		c := l.World.customers[o.Account]
		day, err := time.Parse(time.DateOnly, string(o.Date))
		if err != nil {
			day = l.stamp
		}
		to, ok := c.ShipTos[o.ShipTo]
		if !ok {
			to = c.Address
		}
		so := &salesOrder{ID: guid(), Number: o.Number, External: o.PONumber, Customer: c.Number, Currency: c.Currency, ShipTo: to, OrderDate: string(o.Date), Version: 1, Modified: day}
		for n, line := range o.Lines {
			i := l.World.items[line.SKU]
			so.Lines = append(so.Lines, &orderLine{ID: guid(), ItemNumber: i.Number, Name: i.Name, Unit: i.Unit, Sequence: (n + 1) * 10_000, Quantity: line.Quantity, Price: line.Price, ToShip: line.Shipped, ToInvoice: line.Shipped})
		}
		b.price(so, c)
		l.World.orders[so.ID] = so
		// The balance of the exports holds what is owed already.
		l.invoice(so, true)
		for _, line := range so.Lines {
			line.ToShip = trade.Less(line.Quantity, line.Shipped)
			line.ToInvoice = line.ToShip
		}
		l.add("order", so.ID, so)
	}
}

func rank(s *Site) int { return slices.Index([]string{"wms", shipBobMain, shipBobSouth}, s.System) }

func sortedValues[T any](m map[string]*T) []*T {
	out := make([]*T, 0, len(m))
	for _, k := range sorted(m) {
		out = append(out, m[k])
	}
	return out
}

// String says what the world holds.
func (w *World) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := 0
	for _, o := range w.orders {
		if !o.Deleted {
			open++
		}
	}
	return fmt.Sprintf("%d accounts, %d items, %d places, %d open orders, %d invoices", len(w.customers), len(w.items), len(w.sites), open, len(w.invoices))
}
