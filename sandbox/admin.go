package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"crossdock/domains/trade"
)

// admin serves what no vendor does: trouble to order, what was called, and what is true.
func (s *Server) admin() {
	s.mux.HandleFunc("GET /admin/health", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, object{"ok": true}) })
	s.mux.HandleFunc("GET /admin/knobs", func(w http.ResponseWriter, _ *http.Request) {
		s.knobs.mu.Lock()
		defer s.knobs.mu.Unlock()
		reply(w, http.StatusOK, object{"latency": words(s.knobs.Latency), "lag": words(s.knobs.Lag), "chances": s.knobs.Chances, "counts": s.knobs.Counts, "outage": s.knobs.Outage})
	})
	s.mux.HandleFunc("POST /admin/knobs", s.setKnobs)
	s.mux.HandleFunc("POST /admin/step", func(w http.ResponseWriter, _ *http.Request) {
		s.Engine.Step(true)
		w.WriteHeader(http.StatusNoContent)
	})
	s.mux.HandleFunc("GET /admin/calls", func(w http.ResponseWriter, r *http.Request) {
		s.calls.mu.Lock()
		defer s.calls.mu.Unlock()
		out := maps.Clone(s.calls.by)
		if r.URL.Query().Get("reset") != "" {
			clear(s.calls.by)
		}
		reply(w, http.StatusOK, out)
	})
	s.mux.HandleFunc("GET /admin/truth", s.truth)
	s.mux.HandleFunc("POST /admin/erp/edit", s.edit)
	s.mux.HandleFunc("POST /admin/erp/post", s.postAtDesk)
	s.mux.HandleFunc("POST /admin/erp/touch", s.touchMaster)
	s.mux.HandleFunc("POST /admin/erp/pay", s.pay)
	s.mux.HandleFunc("POST /admin/erp/tax", s.tax)
	s.mux.HandleFunc("POST /admin/wms/count", s.count)
	s.mux.HandleFunc("POST /admin/wms/receive", s.receive)
	s.mux.HandleFunc("POST /admin/wms/lot", s.lot)
	s.mux.HandleFunc("POST /admin/erp/promotion", s.promote)
	s.mux.HandleFunc("POST /admin/erp/discontinue", s.discontinue)
	s.mux.HandleFunc("POST /admin/erp/block", s.block)
}

func words(times map[string]time.Duration) map[string]string {
	out := map[string]string{}
	for k, d := range times {
		out[k] = d.String()
	}
	return out
}

// setKnobs changes the knobs that the body names and leaves the others.
func (s *Server) setKnobs(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Latency map[string]string
		Lag     map[string]string
		Chances map[string]float64
		Counts  map[string]int
		Outage  map[string]bool
	}
	if !read(w, r, &in) {
		http.Error(w, `{"error":"the body is {latency: {system: duration}, lag: {wms: duration}, chances: {\"kind:system\": 0..1}, counts: {\"kind:system\": n}, outage: {system: bool}}"}`, http.StatusBadRequest)
		return
	}
	s.knobs.mu.Lock()
	defer s.knobs.mu.Unlock()
	for k, v := range in.Latency {
		d, err := time.ParseDuration(v)
		if err != nil {
			http.Error(w, `{"error":"latency is a duration such as 200ms"}`, http.StatusBadRequest)
			return
		}
		s.knobs.Latency[k] = d
	}
	for k, v := range in.Lag {
		d, err := time.ParseDuration(v)
		if err != nil {
			http.Error(w, `{"error":"lag is a duration such as 1m"}`, http.StatusBadRequest)
			return
		}
		s.knobs.Lag[k] = d
	}
	maps.Copy(s.knobs.Chances, in.Chances)
	maps.Copy(s.knobs.Counts, in.Counts)
	maps.Copy(s.knobs.Outage, in.Outage)
	w.WriteHeader(http.StatusNoContent)
}

// truth counts what the world really has, by our references, and the deliveries it made. For tests and for people who do
// not believe their eyes.
func (s *Server) truth(w http.ResponseWriter, _ *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	orders, works, memos := map[string]int{}, map[string]int{}, map[string]int{}
	for _, o := range s.world.orders {
		posted := false
		for _, l := range o.Lines {
			posted = posted || l.Shipped.IsPos()
		}
		if !o.Deleted || posted {
			orders[o.External]++
		}
	}
	for _, k := range s.world.work {
		works[k.Reference]++
	}
	for _, m := range s.world.memos {
		if m.Posted {
			memos[m.External]++
		}
	}
	invoices := map[string]int{}
	for _, d := range s.world.invoices {
		invoices[d.OrderNumber]++
	}
	returns := map[string]int{}
	for _, g := range s.world.returns {
		returns[g.Reference]++
	}
	reply(w, http.StatusOK, object{"returns": returns, "erpOrders": orders, "works": works, "creditMemos": memos, "invoices": invoices, "deliveries": s.Engine.told})
}

// block stops a customer, or lets it order again when why is empty.
func (s *Server) block(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	c := s.world.customers[r.URL.Query().Get("customer")]
	if c == nil {
		http.Error(w, `{"error":"no such customer"}`, http.StatusNotFound)
		return
	}
	c.Blocked, c.Modified = r.URL.Query().Get("why"), s.world.now()
	s.world.keep(record("customer", c.Number, c))
	w.WriteHeader(http.StatusNoContent)
}

// count corrects what lies at a place of the WMS, as a count there does.
func (s *Server) count(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	q := r.URL.Query()
	st := s.world.stock[stockKey("wms", q.Get("site"), q.Get("sku"))]
	found, err := trade.ParseDecimal(q.Get("found"))
	if st == nil || err != nil || found.IsNeg() {
		http.Error(w, `{"error":"say site, sku and found: how many there are"}`, http.StatusBadRequest)
		return
	}
	st.OnHand = found
	s.world.keep(record("stock", stockKey(st.System, st.Site, st.SKU), st))
	w.WriteHeader(http.StatusNoContent)
}

// receive puts away what a place expects of an item.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	q := r.URL.Query()
	st := s.world.stock[stockKey("wms", q.Get("site"), q.Get("sku"))]
	if st == nil || !st.Inbound.IsPos() {
		http.Error(w, `{"error":"say site and sku of something that is expected there"}`, http.StatusBadRequest)
		return
	}
	st.OnHand, st.Inbound, st.Due, st.PO = trade.Sum(st.OnHand, st.Inbound), trade.Decimal{}, "", ""
	s.world.keep(record("stock", stockKey(st.System, st.Site, st.SKU), st))
	w.WriteHeader(http.StatusNoContent)
}

// lot sets what lies at a place of one lot of an item.
func (s *Server) lot(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	q := r.URL.Query()
	system := cmp.Or(q.Get("system"), "wms")
	st := s.world.stock[stockKey(system, q.Get("site"), q.Get("sku"))]
	on, err := trade.ParseDecimal(q.Get("quantity"))
	if _, e := time.Parse(time.DateOnly, q.Get("expires")); st == nil || q.Get("number") == "" || err != nil || on.IsNeg() || e != nil && q.Get("expires") != "" {
		http.Error(w, `{"error":"say site, sku, number, quantity, and expires as 2027-01-31 and blocked where they are so"}`, http.StatusBadRequest)
		return
	}
	l := lot{Number: q.Get("number"), Expires: q.Get("expires"), OnHand: on, Blocked: q.Get("blocked") == "true"}
	st.Lots = append(slices.DeleteFunc(slices.Clone(st.Lots), func(is lot) bool { return is.Number == l.Number }), l)
	s.world.keep(record("stock", stockKey(st.System, st.Site, st.SKU), st))
	w.WriteHeader(http.StatusNoContent)
}

// promote puts an item on promotion.
func (s *Server) promote(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	q := r.URL.Query()
	i := s.world.items[q.Get("sku")]
	percent, err := trade.ParseDecimal(q.Get("percent"))
	if i == nil || q.Get("code") == "" || err != nil || percent.IsNeg() || percent.Cmp(whole(100)) >= 0 {
		http.Error(w, `{"error":"say sku, code and percent, and where they are so starts, ends and closed"}`, http.StatusBadRequest)
		return
	}
	p := promotion{Code: q.Get("code"), Percent: percent, Starts: trade.Date(q.Get("starts")), Ends: trade.Date(q.Get("ends")), Closed: q.Get("closed") == "true"}
	i.Promotions = append(slices.DeleteFunc(slices.Clone(i.Promotions), func(is promotion) bool { return is.Code == p.Code }), p)
	s.world.keep(record("item", i.Number, i))
	w.WriteHeader(http.StatusNoContent)
}

// discontinue ends an item, with what takes its place. Business Central has nothing that says so; the bespoke ERP does.
func (s *Server) discontinue(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	i := s.world.items[r.URL.Query().Get("sku")]
	if i == nil {
		http.Error(w, `{"error":"say sku, and successor where there is one"}`, http.StatusBadRequest)
		return
	}
	i.Ended, i.Next, i.Modified = true, r.URL.Query().Get("successor"), s.world.now()
	s.world.keep(record("item", i.Number, i))
	w.WriteHeader(http.StatusNoContent)
}

// tax sets what tax a customer pays, in percent; none makes it exempt.
func (s *Server) tax(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	c := s.world.customers[r.URL.Query().Get("customer")]
	rate, err := trade.ParseDecimal(r.URL.Query().Get("percent"))
	if c == nil || err != nil || rate.IsNeg() {
		http.Error(w, `{"error":"say customer and percent; 0 makes it exempt"}`, http.StatusBadRequest)
		return
	}
	c.TaxRate, c.TaxLiable, c.Modified = rate, rate.IsPos(), s.world.now()
	s.world.keep(record("customer", c.Number, c))
	w.WriteHeader(http.StatusNoContent)
}

// pay pays the oldest open invoice of a customer.
func (s *Server) pay(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	c := s.world.customers[r.URL.Query().Get("customer")]
	var oldest *document
	for _, key := range sorted(s.world.invoices) {
		if d := s.world.invoices[key]; c != nil && d.Customer == c.Number && !d.Paid && (oldest == nil || d.Date < oldest.Date) {
			oldest = d
		}
	}
	if oldest == nil {
		http.Error(w, `{"error":"no open invoice of this customer"}`, http.StatusNotFound)
		return
	}
	oldest.Paid, oldest.Modified = true, s.world.now()
	oldest.Version++
	c.Balance = trade.Less(c.Balance, oldest.total())
	s.world.keep(record("invoice", oldest.ID, oldest), record("customer", c.Number, c))
	w.WriteHeader(http.StatusNoContent)
}

// touchMaster saves an item or a customer once more, as somebody at a desk does.
func (s *Server) touchMaster(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	number := r.URL.Query().Get("number")
	switch i, c := s.world.items[number], s.world.customers[number]; {
	case i != nil:
		i.Modified = s.world.now()
		s.world.keep(record("item", number, i))
	case c != nil:
		c.Modified = s.world.now()
		s.world.keep(record("customer", number, c))
	default:
		http.Error(w, `{"error":"no item or customer of this number"}`, http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// postAtDesk ships and invoices what an order still has, or a quantity of its first line, as
// somebody at a desk does.
func (s *Server) postAtDesk(w http.ResponseWriter, r *http.Request) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	b := &bc{Server: s}
	for _, key := range sorted(s.world.orders) {
		o := s.world.orders[key]
		if o.Number != r.URL.Query().Get("order") || o.Deleted {
			continue
		}
		for n, l := range o.Lines {
			l.ToShip = trade.Less(l.Quantity, l.Shipped)
			if q, err := trade.ParseDecimal(r.URL.Query().Get("quantity")); err == nil {
				l.ToShip = trade.Decimal{}
				if n == 0 {
					l.ToShip = q
				}
			}
		}
		if _, _, err := b.shipAndInvoice(o); err != nil {
			err.write(w)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Error(w, `{"error":"no such order"}`, http.StatusNotFound)
}

// edit changes a line's quantity in the ERP, or its item, or where and when the order goes, as somebody at a desk does. A line that
// the order does not have is added, of an item.
func (s *Server) edit(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	quantity, err := trade.ParseDecimal(q.Get("quantity"))
	n, e := strconv.Atoi(q.Get("line"))
	if moved := q.Get("city") != "" || q.Get("date") != ""; !moved && (err != nil || e != nil) {
		http.Error(w, `{"error":"order, line and quantity are required, or order and city or date"}`, http.StatusBadRequest)
		return
	}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	for _, key := range sorted(s.world.orders) {
		o, i := s.world.orders[key], s.world.items[q.Get("sku")]
		if o.Deleted || o.External != q.Get("order") {
			continue
		}
		if q.Get("line") == "" {
			o.ShipTo.City, o.RequestedDate = cmp.Or(q.Get("city"), o.ShipTo.City), cmp.Or(q.Get("date"), o.RequestedDate)
			o.Version++
			o.Modified = s.world.now()
			s.world.keep(record("order", o.ID, o))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if i != nil && n == len(o.Lines)+1 {
			o.Lines = append(o.Lines, &orderLine{ID: guid(), Sequence: n * 10_000, Price: i.Price})
		}
		for _, l := range o.Lines {
			if l.Sequence == n*10_000 {
				if i != nil {
					l.ItemNumber, l.Name, l.Unit = i.Number, i.Name, i.Unit
				}
				l.Quantity = quantity
				l.ToShip = trade.Less(quantity, l.Shipped).Max(trade.Decimal{}) // as the desk's page does
				l.ToInvoice = l.ToShip
				o.Version++
				o.Modified = s.world.now()
				s.world.keep(record("order", o.ID, o))
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
	}
	http.Error(w, `{"error":"no such line, or the order is posted and gone"}`, http.StatusNotFound)
}
