package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"crossdock/domains/trade"
)

// house serves a bespoke ERP with a shop of its own: what a company of a certain age has written itself.
// It is another door to the same books as /bc and /shopify. docs/examples/house.yaml connects it.
func (s *Server) house(secrets Secrets) {
	h := &house{s, &bc{Server: s}}
	for route, serve := range map[string]func(r *http.Request) (int, any){
		"GET /customers": h.customers, "GET /ship-to": h.shipTo, "GET /items": h.items, "GET /credit": h.credit, "POST /prices": h.prices,
		"GET /orders": h.orders, "POST /orders": h.register, "DELETE /orders/{ref}": h.withdraw, "POST /orders/{ref}/reduce": h.reduce, "POST /orders/{ref}/post": h.post,
		"GET /invoices": h.documents, "GET /credits": h.documents, "POST /credits": h.issue,
		"GET /web/orders": h.webOrders, "POST /web/orders/{ref}/number": h.webNumber, "POST /web/orders/{ref}/parcels": h.webParcel, "POST /web/stock": h.webStock,
	} {
		method, path, _ := strings.Cut(route, " ")
		s.mux.HandleFunc(method+" /house/v1"+path, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-House-Key") != secrets.WMSKey {
				reply(w, http.StatusUnauthorized, object{"error": "unknown key"})
				return
			}
			s.world.mu.Lock()
			defer s.world.mu.Unlock()
			status, body := serve(r)
			if body == nil {
				w.WriteHeader(status)
				return
			}
			reply(w, status, body)
		})
	}
}

type house struct {
	*Server
	books *bc
}

// asked is a list of a query, and when something must have changed to be in the answer.
func asked(r *http.Request, name string) (list []string, since time.Time) {
	if v := r.URL.Query().Get(name); v != "" {
		list = strings.Split(v, ",")
	}
	since, _ = time.Parse(time.RFC3339Nano, r.URL.Query().Get("changed_since"))
	return list, since
}

func wanted(list []string, key string, since, modified time.Time) bool {
	return (list == nil || slices.Contains(list, key)) && !modified.Before(since)
}

func (h *house) customers(r *http.Request) (int, any) {
	ids, since := asked(r, "ids")
	rows := []object{}
	for _, n := range sorted(h.world.customers) {
		if c := h.world.customers[n]; wanted(ids, n, since, c.Modified) {
			rows = append(rows, object{"no": n, "name": c.Name, "currency": c.Currency, "hold": c.Blocked != "", "terms": c.Terms, "tax_area": c.TaxArea, "taxed": c.TaxLiable, "address": c.Address, "changed": stampOf(c.Modified)})
		}
	}
	return http.StatusOK, object{"rows": rows}
}

func (h *house) shipTo(r *http.Request) (int, any) {
	ids, _ := asked(r, "customers")
	rows := []object{}
	for _, n := range ids {
		if c := h.world.customers[n]; c != nil {
			for _, code := range sortedAddresses(c.ShipTos) {
				rows = append(rows, object{"customer": n, "code": code, "address": c.ShipTos[code]})
			}
		}
	}
	return http.StatusOK, object{"rows": rows}
}

func (h *house) items(r *http.Request) (int, any) {
	skus, since := asked(r, "skus")
	rows := []object{}
	for _, n := range sorted(h.world.items) {
		if i := h.world.items[n]; wanted(skus, n, since, i.Modified) {
			rows = append(rows, object{
				"sku": n, "name": i.Name, "group": i.Category, "unit": i.Unit, "gtin": i.GTIN, "tax": i.TaxGroup, "stop": i.Blocked, "ended": i.Ended, "next": i.Next, "price": number(i.Price), "currency": "USD",
				"min": number(i.Minimum), "step": number(i.Multiple), "places": i.Decimals, "packs": packs(i), "changed": stampOf(i.Modified),
			})
		}
	}
	return http.StatusOK, object{"rows": rows}
}

func packs(i *item) []object {
	out := []object{}
	for _, u := range i.Units {
		out = append(out, object{"code": u.Code, "holds": number(u.Holds)})
	}
	return out
}

func (h *house) credit(r *http.Request) (int, any) {
	ids, _ := asked(r, "customers")
	rows := []object{}
	for _, n := range ids {
		if c := h.world.customers[n]; c != nil {
			row := object{"customer": n, "currency": c.Currency, "owed": number(c.Balance), "late": number(c.Overdue), "ordered": number(h.books.outstanding(n))}
			if c.Limit.IsPos() {
				row["limit"] = number(c.Limit)
			}
			rows = append(rows, row)
		}
	}
	return http.StatusOK, object{"rows": rows}
}

func (h *house) prices(r *http.Request) (int, any) {
	var in struct {
		Customer, Date, Currency, Deal string
		Lines                          []struct {
			N         int
			SKU, Unit string
			Qty       json.Number
		}
	}
	err := decode(r, &in)
	c := h.world.customers[in.Customer]
	if err != nil || c == nil || (in.Currency != "" && in.Currency != c.Currency) {
		return http.StatusOK, object{"rows": []object{}}
	}
	day := trade.Date(in.Date)
	if day == "" {
		day = trade.Date(h.world.now().Format(time.DateOnly))
	}
	rows := []object{}
	for _, l := range in.Lines {
		i := h.world.items[l.SKU]
		q, err := trade.ParseDecimal(string(l.Qty))
		if i == nil || err != nil || (l.Unit != "" && l.Unit != i.Unit) {
			continue
		}
		is := h.books.priceOf(c, i, q, day, in.Deal)
		row := object{"n": l.N, "unit": i.Unit, "price": number(is.price), "list": number(i.Price), "currency": c.Currency, "good_until": is.until, "steps": []object{}, "off": []object{}}
		if from := h.books.breakOf(c, i, q, day, in.Deal); from.IsPos() {
			row["steps"] = []object{{"from": number(from), "price": number(h.books.priceOf(c, i, from, day, in.Deal).price)}}
		}
		if p := is.promotion; p != nil {
			row["off"] = []object{{"deal": p.Code, "amount": number(trade.Less(h.books.listed(c, i, q, day).price, is.price))}}
		}
		rows = append(rows, row)
	}
	return http.StatusOK, object{"rows": rows}
}

func (h *house) order(o *salesOrder) object {
	lines := []object{}
	for _, l := range o.Lines {
		lines = append(lines, object{"n": l.Sequence / 10_000, "sku": l.ItemNumber, "qty": number(l.Quantity), "unit": l.Unit, "price": number(l.Price), "sent": number(l.Shipped)})
	}
	day, _ := time.Parse(time.DateOnly, o.OrderDate)
	return object{"no": o.Number, "ref": o.External, "customer": o.Customer, "currency": o.Currency, "placed": stampOf(day), "to": o.ShipTo, "done": o.Deleted, "lines": lines, "changed": stampOf(o.Modified)}
}

// orders keeps what is posted, other than /bc: only what was withdrawn is gone.
func (h *house) orders(r *http.Request) (int, any) {
	refs, since := asked(r, "refs")
	numbers, _ := asked(r, "numbers")
	rows := []object{}
	for _, id := range sorted(h.world.orders) {
		o := h.world.orders[id]
		withdrawn := o.Deleted && !slices.ContainsFunc(o.Lines, func(l *orderLine) bool { return l.Shipped.IsPos() })
		if !withdrawn && wanted(refs, o.External, since, o.Modified) && (numbers == nil || slices.Contains(numbers, o.Number)) {
			rows = append(rows, h.order(o))
		}
	}
	return http.StatusOK, object{"rows": rows}
}

func (h *house) byRef(r *http.Request) *salesOrder {
	for _, o := range h.world.orders {
		if o.External == r.PathValue("ref") && !o.Deleted {
			return o
		}
	}
	return nil
}

func (h *house) register(r *http.Request) (int, any) {
	var in struct {
		Ref, Customer, Date, Wanted string
		To                          trade.Address
		Lines                       []struct {
			N         int
			SKU, Unit string
			Qty       json.Number
			Price     json.Number
		}
	}
	if err := decode(r, &in); err != nil || in.Ref == "" {
		return http.StatusBadRequest, object{"error": "ref, customer and lines are required"}
	}
	for _, o := range h.world.orders {
		if o.External == in.Ref && o.Customer == in.Customer {
			return http.StatusConflict, h.order(o)
		}
	}
	c := h.world.customers[in.Customer]
	if c == nil || c.Blocked != "" {
		return http.StatusUnprocessableEntity, object{"error": "the customer may not order"}
	}
	o := &salesOrder{ID: guid(), Number: fmt.Sprintf("H%06d", h.world.next()), External: in.Ref, Customer: c.Number, Currency: c.Currency, OrderDate: in.Date, RequestedDate: in.Wanted, ShipTo: in.To, Version: 1, Modified: h.world.now()}
	for _, l := range in.Lines {
		line, err := h.books.line(c, lineInput{LineObjectNumber: l.SKU, Sequence: l.N * 10_000, Quantity: l.Qty, UnitPrice: l.Price}, 0)
		if err != nil {
			return http.StatusUnprocessableEntity, object{"error": err.message}
		}
		o.Lines = append(o.Lines, line)
	}
	h.world.orders[o.ID] = o
	h.world.keep(record("order", o.ID, o))
	return http.StatusCreated, h.order(o)
}

func (h *house) withdraw(r *http.Request) (int, any) {
	o := h.byRef(r)
	if o == nil {
		return http.StatusNotFound, object{"error": "no open order of this reference"}
	}
	o.Deleted, o.Modified = true, h.world.now()
	h.world.keep(record("order", o.ID, o))
	return http.StatusNoContent, nil
}

// lined reads lines of a number and a quantity.
func lined(r *http.Request) (map[int]trade.Decimal, bool) {
	var in struct {
		Lines []struct {
			N   int
			Qty json.Number
		}
	}
	if err := decode(r, &in); err != nil {
		return nil, false
	}
	out := map[int]trade.Decimal{}
	for _, l := range in.Lines {
		q, err := trade.ParseDecimal(string(l.Qty))
		if err != nil {
			return nil, false
		}
		out[l.N*10_000] = q
	}
	return out, true
}

func (h *house) reduce(r *http.Request) (int, any) {
	o := h.byRef(r)
	kept, ok := lined(r)
	switch {
	case o == nil:
		return http.StatusNotFound, object{"error": "no open order of this reference"}
	case !ok:
		return http.StatusBadRequest, object{"error": "lines of n and qty are required"}
	}
	for _, l := range o.Lines {
		if q, named := kept[l.Sequence]; named && q.Cmp(l.Shipped) >= 0 && q.Cmp(l.Quantity) < 0 {
			l.Quantity = q
		}
	}
	o.Modified = h.world.now()
	h.world.keep(record("order", o.ID, o))
	return http.StatusNoContent, nil
}

func (h *house) post(r *http.Request) (int, any) {
	o := h.byRef(r)
	due, ok := lined(r)
	switch {
	case o == nil:
		return http.StatusNotFound, object{"error": "no open order of this reference"}
	case !ok:
		return http.StatusBadRequest, object{"error": "lines of n and qty are required"}
	}
	for _, l := range o.Lines {
		l.ToShip = due[l.Sequence]
		if trade.Sum(l.Shipped, l.ToShip).Cmp(l.Quantity) > 0 {
			return http.StatusUnprocessableEntity, object{"error": "more than was ordered"}
		}
	}
	if _, _, err := h.books.shipAndInvoice(o); err != nil {
		return http.StatusUnprocessableEntity, object{"error": err.message}
	}
	return http.StatusNoContent, nil
}

func (h *house) documents(r *http.Request) (int, any) {
	books := h.world.invoices
	if strings.HasSuffix(r.URL.Path, "/credits") {
		books = h.world.memos
	}
	refs, since := asked(r, "refs")
	after, limit := r.URL.Query().Get("after"), len(books)
	if n, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil {
		limit = n
	}
	var list []*document
	for _, d := range books {
		if d.Posted && d.Number > after && wanted(refs, d.External, since, d.Modified) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *document) int { return strings.Compare(a.Number, b.Number) })
	rows := []object{}
	for _, d := range list[:min(limit, len(list))] {
		lines, left := []object{}, d.total()
		if d.Paid {
			left = trade.Decimal{}
		}
		for i, l := range d.Lines {
			lines = append(lines, object{"n": i + 1, "sku": l.ItemNumber, "qty": number(l.Quantity), "unit": l.Unit, "price": number(l.Price), "amount": number(trade.Money{Amount: l.Price, Currency: trade.Currency(d.Currency)}.Times(l.Quantity).Round().Amount)})
		}
		rows = append(rows, object{"no": d.Number, "ref": d.External, "order": d.OrderNumber, "customer": d.Customer, "currency": d.Currency, "day": d.Date, "net": number(d.total()), "total": number(d.total()), "left": number(left), "lines": lines, "changed": stampOf(d.Modified)})
	}
	return http.StatusOK, object{"rows": rows}
}

func (h *house) issue(r *http.Request) (int, any) {
	var in struct {
		Ref, Customer string
		Lines         []struct {
			N     int
			SKU   string
			Qty   json.Number
			Price json.Number
		}
	}
	if err := decode(r, &in); err != nil || h.world.customers[in.Customer] == nil {
		return http.StatusBadRequest, object{"error": "ref, customer and lines are required"}
	}
	for _, d := range h.world.memos {
		if d.External == in.Ref {
			return http.StatusConflict, object{"error": "this reference is credited already"}
		}
	}
	c := h.world.customers[in.Customer]
	now := h.world.now()
	d := &document{ID: guid(), Number: fmt.Sprintf("HC%06d", h.world.next()), External: in.Ref, Customer: c.Number, Currency: c.Currency, Posted: true, Date: now.Format(time.DateOnly), Version: 1, Modified: now}
	for _, l := range in.Lines {
		line, err := h.books.line(c, lineInput{LineObjectNumber: l.SKU, Sequence: l.N * 10_000, Quantity: l.Qty, UnitPrice: l.Price}, 0)
		if err != nil {
			return http.StatusUnprocessableEntity, object{"error": err.message}
		}
		d.Lines = append(d.Lines, line)
	}
	h.world.memos[d.ID] = d
	c.Balance = trade.Less(c.Balance, d.total())
	h.world.keep(record("memo", d.ID, d), record("customer", c.Number, c))
	return http.StatusCreated, object{"no": d.Number}
}

// The shop's side.

func (h *house) webOrders(r *http.Request) (int, any) {
	refs, since := asked(r, "refs")
	finished := r.URL.Query().Get("finished") != ""
	rows := []object{}
	for _, k := range sorted(h.world.shop) {
		o := h.world.shop[k]
		if !wanted(refs, k, since, o.Updated) || (finished && o.Cancelled == nil && o.display() != "FULFILLED") {
			continue
		}
		lines := []object{}
		for _, l := range o.Lines {
			lines = append(lines, object{"sku": l.SKU, "qty": l.Quantity, "price": l.Price.String(), "sent": l.Quantity - l.Remaining})
		}
		rows = append(rows, object{"ref": k, "no": fmt.Sprint(o.Number), "po": o.PO, "currency": "USD", "to": o.ShipTo, "off": o.Cancelled != nil, "placed": stampOf(o.Created), "lines": lines, "changed": o.Updated.UTC().Format(time.RFC3339Nano)})
	}
	return http.StatusOK, object{"rows": rows}
}

func (h *house) webNumber(r *http.Request) (int, any) {
	var in struct{ Number, Decision string }
	o := h.world.shop[r.PathValue("ref")]
	if err := decode(r, &in); err != nil || o == nil {
		return http.StatusNotFound, object{"error": "no such order"}
	}
	for _, tag := range []string{"crossdock-" + in.Number, "crossdock-" + strings.ToLower(in.Decision)} {
		if !slices.Contains(o.Tags, tag) {
			o.Tags = append(o.Tags, tag)
		}
	}
	h.touch(o)
	return http.StatusNoContent, nil
}

func (h *house) webParcel(r *http.Request) (int, any) {
	var in struct {
		Carrier, Tracking, URL string
		Lines                  []struct {
			SKU string
			Qty json.Number
		}
	}
	o := h.world.shop[r.PathValue("ref")]
	if err := decode(r, &in); err != nil || o == nil {
		return http.StatusNotFound, object{"error": "no such order"}
	}
	if slices.ContainsFunc(o.Tracking, func(t shopTracking) bool { return t.Number == in.Tracking }) {
		return http.StatusConflict, object{"error": "the parcel is known"}
	}
	for _, l := range in.Lines {
		n, _ := strconv.Atoi(string(l.Qty))
		for i := range o.Lines {
			if took := min(n, o.Lines[i].Remaining); o.Lines[i].SKU == l.SKU {
				o.Lines[i].Remaining, n = o.Lines[i].Remaining-took, n-took
			}
		}
	}
	o.Tracking = append(o.Tracking, shopTracking{in.Carrier, in.Tracking, in.URL})
	h.touch(o)
	return http.StatusNoContent, nil
}

func (h *house) webStock(r *http.Request) (int, any) {
	var in struct {
		Lines []struct {
			SKU string
			Qty json.Number
		}
	}
	if err := decode(r, &in); err != nil {
		return http.StatusBadRequest, object{"error": "lines of sku and qty are required"}
	}
	for _, l := range in.Lines {
		if h.world.items[l.SKU] != nil {
			h.world.shopStock[l.SKU] = string(l.Qty)
		}
	}
	return http.StatusNoContent, nil
}
