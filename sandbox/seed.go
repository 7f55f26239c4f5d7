package sandbox

import (
	"fmt"
	"math/rand/v2"

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

// Sites lists each place by system.
func Sites() map[string][]string {
	return map[string][]string{"wms": {siteEast, siteWest}, "shipbob": {centerMain, centerSouth}}
}

// seed makes a believable distributor of plumbing and electrical supplies. The same seed and
// size make the same world.
func (w *World) seed(seed int64, size Size) {
	r := rand.New(rand.NewPCG(uint64(seed), 7))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	w.company = guid()
	out := []entry{record("company", "", w.company)}
	stamp := w.now().AddDate(0, -1, 0)
	cities := [][3]string{{"Columbus", "OH", "43085"}, {"Portland", "OR", "97035"}, {"Tulsa", "OK", "74104"}, {"Newark", "NJ", "07102"}, {"Fresno", "CA", "93721"}, {"Boise", "ID", "83702"}}
	for i := range size.Customers {
		c := cities[r.IntN(len(cities))]
		name := fmt.Sprintf("%s %s", pick("Northside", "Harbor", "Summit", "Union", "Prairie", "Delta", "Granite", "Lakeview"), pick("Plumbing", "Electric", "Builders", "Mechanical", "Supply Co", "Contractors"))
		address := trade.Address{Name: name, Line1: fmt.Sprintf("%d %s", 100+r.IntN(9000), pick("Main St", "Industrial Pkwy", "Commerce Dr", "Mill Rd")), City: c[0], Region: c[1], PostalCode: c[2], Country: "US"}
		site := address
		site.Line1 = fmt.Sprintf("Job site %d, %d Oak Ave", i+1, 10+r.IntN(900))
		cu := &customer{
			ID: guid(), Number: fmt.Sprintf("C%05d", 10000+i), Name: name, Currency: "USD", Terms: pick("NET30", "NET45", "NET60"), TaxArea: c[1], TaxLiable: true,
			Limit: whole(25_000 * (1 + r.IntN(8))), Balance: whole(r.IntN(9_000)), Discount: whole(r.IntN(4) * 5), Address: address,
			ShipTos: map[string]trade.Address{"MAIN": address, "SITE1": site}, Modified: stamp,
		}
		switch i % 20 {
		case 17: // an account that the ERP has stopped
			cu.Blocked = "All"
		case 18: // a small limit, nearly used
			cu.Limit, cu.Balance = whole(1_000), whole(950)
		case 19: // behind with its payments
			cu.Overdue = whole(1_200)
		}
		w.customers[cu.Number] = cu
		out = append(out, record("customer", cu.Number, cu))
	}
	kinds := [][3]string{{"Copper pipe", "15mm x 3m", "PIPE"}, {"Ball valve", "1/2 in", "VALVE"}, {"Cable gland", "M20", "ELEC"}, {"Hex bolt", "M8 x 40", "FAST"}, {"PVC elbow", "90 deg", "PIPE"}, {"Circuit breaker", "16A", "ELEC"}, {"Gasket", "DN50", "SEAL"}, {"Work gloves", "L", "SAFE"}}
	for i := range size.Items {
		k := kinds[i%len(kinds)]
		it := &item{
			ID: guid(), Number: fmt.Sprintf("SKU-%04d", 1000+i), Name: fmt.Sprintf("%s %s #%d", k[0], k[1], i+1), Category: k[2], Unit: "PCS", TaxGroup: "TAXABLE",
			GTIN: fmt.Sprintf("0%013d", 4006381000000+i), Price: cents(199 + r.IntN(20_000)), Minimum: whole(1), Multiple: whole(1), BreakFrom: whole(50), BreakOff: whole(5), InventoryID: int64(20_000 + i), Modified: stamp,
		}
		switch i % 10 {
		case 7:
			it.Multiple, it.Minimum = whole(10), whole(10)
		case 9:
			if i%20 == 19 {
				it.Blocked = true
			}
		}
		w.items[it.Number] = it
		w.skus = append(w.skus, it.Number)
		out = append(out, record("item", it.Number, it))
		for _, at := range [][2]string{{"wms", siteEast}, {"wms", siteWest}, {"shipbob", centerMain}, {"shipbob", centerSouth}} {
			s := &stock{System: at[0], Site: at[1], SKU: it.Number, OnHand: whole(200 + r.IntN(2_000)), Inbound: whole(r.IntN(5) * 100)}
			switch {
			case i%13 == 5 && at[1] != siteEast: // only East keeps it
				s.OnHand = trade.Decimal{}
			case i == 3: // the last units of something
				s.OnHand = whole(map[bool]int{true: 1}[at[1] == siteEast])
			}
			key := stockKey(s.System, s.Site, s.SKU)
			w.stock[key] = s
			out = append(out, record("stock", key, s))
		}
	}
	w.seq = 1000
	out = append(out, record("seq", "", w.seq))
	w.keep(out...)
}

func whole(n int) trade.Decimal { return trade.MustDecimal(fmt.Sprint(n)) }
func cents(n int) trade.Decimal { return trade.MustDecimal(fmt.Sprintf("%d.%02d", n/100, n%100)) }
