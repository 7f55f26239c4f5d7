package sandbox

import (
	"fmt"
	"math/rand/v2"
	"time"

	"crossdock/domains/trade"
)

// Size is how large a world is made.
type Size struct {
	Customers, Items int
}

// The places of the seeded distributor. WMS sites are codes, ShipBob's are numbers.
const (
	siteEast, siteWest = "EAST", "WEST"
	centerMain         = "21"
	centerSouth        = "34"
)

// Seeded makes a believable distributor of plumbing and electrical supplies. The same seed and
// size make the same world; a world that is there already stays what it is.
func Seeded(seed int64, size Size) Maker {
	return Maker{origin: fmt.Sprintf("seed %d with %d items", seed, size.Items), make: func(w *World) {
		s := seeding{w, rand.New(rand.NewPCG(uint64(seed), 7)), w.now().AddDate(0, -1, 0)}
		w.sites = []Site{
			{"wms", siteEast, "DC-EAST", "East distribution centre", "America/New_York"},
			{"wms", siteWest, "DC-WEST", "West distribution centre", "America/Los_Angeles"},
			{shipBobMain, centerMain, "3PL-MAIN", "ShipBob Cicero", "America/Chicago"},
			{shipBobSouth, centerSouth, "3PL-SOUTH", "ShipBob Dallas", "America/Chicago"},
		}
		w.guide = Guide{Buyer: "C10001", Shop: "C10003", SKUs: [2]string{"SKU-1000", "SKU-1001"}}
		for i := range size.Customers {
			s.customer(i)
		}
		for i := range size.Items {
			s.item(i)
		}
		s.history()
		for _, number := range sorted(w.customers) {
			w.add("customer", number, w.customers[number])
		}
	}}
}

type seeding struct {
	*World
	r     *rand.Rand
	stamp time.Time
}

func (s *seeding) pick(from ...string) string { return from[s.r.IntN(len(from))] }

func (s *seeding) customer(i int) {
	r := s.r
	cities := [][3]string{{"Columbus", "OH", "43085"}, {"Portland", "OR", "97035"}, {"Tulsa", "OK", "74104"}, {"Newark", "NJ", "07102"}, {"Fresno", "CA", "93721"}, {"Boise", "ID", "83702"}}
	c := cities[r.IntN(len(cities))]
	name := fmt.Sprintf("%s %s", s.pick("Northside", "Harbor", "Summit", "Union", "Prairie", "Delta", "Granite", "Lakeview"), s.pick("Plumbing", "Electric", "Builders", "Mechanical", "Supply Co", "Contractors"))
	address := trade.Address{Name: name, Line1: fmt.Sprintf("%d %s", 100+r.IntN(9000), s.pick("Main St", "Industrial Pkwy", "Commerce Dr", "Mill Rd")), City: c[0], Region: c[1], PostalCode: c[2], Country: "US"}
	site := address
	site.Line1 = fmt.Sprintf("Job site %d, %d Oak Ave", i+1, 10+r.IntN(900))
	cu := &customer{
		ID: guid(), Number: fmt.Sprintf("C%05d", 10000+i), Name: name, Currency: "USD", Terms: s.pick("NET30", "NET45", "NET60"), TaxArea: c[1], TaxLiable: true,
		Limit: whole(25_000 * (1 + r.IntN(8))), Balance: whole(r.IntN(9_000)), Discount: whole(r.IntN(4) * 5), Address: address,
		ShipTos: map[string]trade.Address{"MAIN": address, "SITE1": site}, Modified: s.stamp,
	}
	switch i % 20 {
	case 17: // an account that the ERP has stopped
		cu.Blocked = "All"
	case 18: // a small limit, nearly used
		cu.Limit, cu.Balance = whole(1_000), whole(950)
	case 19: // behind with its payments
		cu.Overdue = whole(1_200)
	}
	s.customers[cu.Number] = cu
}

func (s *seeding) item(i int) {
	r, w := s.r, s.World
	kinds := [][3]string{{"Copper pipe", "15mm x 3m", "PIPE"}, {"Ball valve", "1/2 in", "VALVE"}, {"Cable gland", "M20", "ELEC"}, {"Hex bolt", "M8 x 40", "FAST"}, {"PVC elbow", "90 deg", "PIPE"}, {"Circuit breaker", "16A", "ELEC"}, {"Gasket", "DN50", "SEAL"}, {"Work gloves", "L", "SAFE"}}
	k := kinds[i%len(kinds)]
	it := &item{
		ID: guid(), Number: fmt.Sprintf("SKU-%04d", 1000+i), Name: fmt.Sprintf("%s %s #%d", k[0], k[1], i+1), Category: k[2], Unit: "PCS", TaxGroup: "TAXABLE",
		GTIN: fmt.Sprintf("0%013d", 4006381000000+i), Price: cents(199 + r.IntN(20_000)), Minimum: whole(1), Multiple: whole(1), BreakFrom: whole(50), BreakOff: whole(5), InventoryID: int64(20_000 + i), Modified: s.stamp,
	}
	switch {
	case i%10 == 7: // packed by ten
		it.Multiple, it.Minimum = whole(10), whole(10)
		it.Units = []packing{{"BX", whole(10)}}
	case i%20 == 19:
		it.Blocked = true
	case i >= 40 && i%10 == 2: // sold by the metre, from half a metre on, by the quarter
		it.Name, it.Category, it.Unit, it.Decimals = fmt.Sprintf("Cable 3 x 1.5 mm2 #%d", i+1), "ELEC", "MTR", 2
		it.Minimum, it.Multiple = cents(50), cents(25)
		it.Units = []packing{{"FOT", trade.MustDecimal("0.3048")}, {"RL", whole(100)}}
	case i >= 40 && i%10 == 3:
		it.Name, it.Unit = fmt.Sprintf("Wood screw 4 x 40, box of 200 #%d", i+1), "BOX"
	}
	if it.Unit == "PCS" && it.Units == nil {
		it.Units = []packing{{"CS", whole(12)}}
	}
	w.put(it)
	for _, at := range w.sites {
		st := &stock{System: at.System, Site: at.Code, SKU: it.Number, OnHand: whole(200 + r.IntN(2_000)), Inbound: whole(r.IntN(5) * 100)}
		switch {
		case i%13 == 5 && at.Code != siteEast, // only East keeps it
			it.Decimals > 0 && at.System != "wms": // ShipBob counts in pieces
			st.OnHand = trade.Decimal{}
		case i == 3: // the last units of something
			st.OnHand = whole(map[bool]int{true: 1}[at.Code == siteEast])
		}
		if st.Inbound.IsPos() {
			st.Due, st.PO = w.now().AddDate(0, 0, 2+i%12).Format(time.DateOnly), fmt.Sprintf("PO-%d", 70_000+i)
		}
		w.shelve(st)
	}
}

// put adds an item to a world that is being made.
func (w *World) put(i *item) {
	w.items[i.Number] = i
	w.skus = append(w.skus, i.Number)
	w.add("item", i.Number, i)
}

// shelve adds stock to a world that is being made.
func (w *World) shelve(s *stock) {
	key := stockKey(s.System, s.Site, s.SKU)
	w.stock[key] = s
	w.add("stock", key, s)
}

// history gives every account that may order a few orders of the last months, most of them paid,
// some still owed, and one in four an order that was typed into the ERP and has not left yet.
func (s *seeding) history() {
	b := &bc{Server: &Server{world: s.World}}
	for n, number := range sorted(s.customers) {
		c := s.customers[number]
		if c.Blocked != "" || n%20 >= 17 {
			continue
		}
		c.Balance = trade.Decimal{} // what is owed are the invoices below
		for k := range 1 + s.r.IntN(4) {
			days := 10 + 30*k + s.r.IntN(25)
			o := s.past(c, n*10+k, s.now().AddDate(0, 0, -days))
			b.price(o, c)
			s.invoice(o, days > 45)
			s.add("order", o.ID, o)
		}
		if n%4 == 2 {
			o := s.past(c, n*10+9, s.now().AddDate(0, 0, -2))
			b.price(o, c)
			s.add("order", o.ID, o)
		}
	}
}

func (s *seeding) past(c *customer, n int, day time.Time) *salesOrder {
	o := &salesOrder{
		ID: guid(), Number: fmt.Sprintf("S-ORD%06d", s.next()), External: fmt.Sprintf("PO-%04d", 4000+n), Customer: c.Number, Currency: c.Currency, OrderDate: day.Format(time.DateOnly),
		ShipTo: c.Address, Version: 1, Modified: day,
	}
	for i := range 1 + s.r.IntN(4) {
		it := s.items[s.skus[s.r.IntN(len(s.skus))]]
		q := it.Minimum.Max(it.Multiple)
		if it.Multiple.Equal(whole(1)) {
			q = whole(1 + s.r.IntN(24))
		}
		o.Lines = append(o.Lines, &orderLine{ID: guid(), ItemNumber: it.Number, Name: it.Name, Unit: it.Unit, Sequence: (i + 1) * 10_000, Quantity: q, ToShip: q, ToInvoice: q})
	}
	s.orders[o.ID] = o
	return o
}

// price gives lines without a price what the customer pays.
func (b *bc) price(o *salesOrder, c *customer) {
	for _, l := range o.Lines {
		if l.Price.IsZero() {
			l.Price = b.priceOf(c, b.world.items[l.ItemNumber], l.Quantity, trade.Date(o.OrderDate), "").price
		}
	}
}

// invoice posts what is to ship of an order of the past. What is not paid is owed.
func (w *World) invoice(o *salesOrder, paid bool) {
	inv := w.post(o, o.Modified)
	if inv == nil {
		return
	}
	if inv.Paid = paid; !paid {
		c := w.customers[o.Customer]
		c.Balance = trade.Sum(c.Balance, inv.total())
	}
	w.add("invoice", inv.ID, inv)
}

func whole(n int) trade.Decimal { return trade.MustDecimal(fmt.Sprint(n)) }
func cents(n int) trade.Decimal { return trade.MustDecimal(fmt.Sprintf("%d.%02d", n/100, n%100)) }
