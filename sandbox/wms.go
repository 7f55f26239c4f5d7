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

// warehouse serves a bespoke WMS: the API of a company that wrote its own. docs/partners/rest.md
// describes it as its owner would.
func (s *Server) warehouse(secrets Secrets) {
	guard := func(next func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Api-Key") != secrets.WMSKey {
				reply(w, http.StatusUnauthorized, object{"error": object{"code": "UNAUTHORIZED", "message": "unknown key"}})
				return
			}
			s.world.mu.Lock()
			defer s.world.mu.Unlock()
			next(w, r)
		}
	}
	s.mux.HandleFunc("GET /wms/v1/stock", guard(s.wmsStock))
	s.mux.HandleFunc("GET /wms/v1/arrivals", guard(s.wmsArrivals))
	s.mux.HandleFunc("GET /wms/v1/lots", guard(s.wmsLots))
	s.mux.HandleFunc("POST /wms/v1/outbound-orders", guard(s.wmsCreate))
	s.mux.HandleFunc("GET /wms/v1/outbound-orders", guard(s.wmsList))
	s.mux.HandleFunc("POST /wms/v1/outbound-orders/{id}/cancel", guard(s.wmsCancel))
	s.mux.HandleFunc("POST /wms/v1/returns", guard(s.wmsReturn))
	s.mux.HandleFunc("GET /wms/v1/returns", guard(s.wmsReturns))
	s.mux.HandleFunc("POST /wms/v1/webhooks", guard(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ URL, Secret string }
		if !read(w, r, &in) {
			reply(w, http.StatusBadRequest, object{"error": object{"code": "BAD_REQUEST", "message": "no JSON"}})
			return
		}
		s.world.hook("wms", in.URL, in.Secret, nil)
		w.WriteHeader(http.StatusNoContent)
	}))
}

// hook registers a receiver once per URL.
func (w *World) hook(system, url, secret string, topics []string) *hook {
	for _, key := range sorted(w.hooks) {
		if h := w.hooks[key]; h.System == system && h.URL == url {
			h.Secret, h.Topics = secret, topics
			w.keep(record("hook", h.ID, h))
			return h
		}
	}
	h := &hook{ID: guid(), System: system, URL: url, Secret: secret, Topics: topics}
	w.hooks[h.ID] = h
	w.keep(record("hook", h.ID, h))
	return h
}

// report is the stock as it was at a time.
type report struct {
	at    time.Time
	stock map[string]stock
}

// shelves is the stock at the WMS's places as it tells it, and of when: as it is, or as it was when it last made its report.
func (s *Server) shelves() (at func(key string) (stock, bool), asOf time.Time) {
	now, every := s.world.now(), s.knobs.lag("wms")
	if every <= 0 {
		return func(key string) (stock, bool) {
			st := s.world.stock[key]
			if st == nil {
				return stock{}, false
			}
			return *st, true
		}, now
	}
	if s.report.stock == nil || now.Sub(s.report.at) >= every {
		s.report = report{now, map[string]stock{}}
		for key, st := range s.world.stock {
			s.report.stock[key] = *st
		}
	}
	return func(key string) (stock, bool) {
		st, ok := s.report.stock[key]
		return st, ok
	}, s.report.at
}

func (s *Server) wmsStock(w http.ResponseWriter, r *http.Request) {
	s.wmsShelves(w, r, func(st stock) []object {
		return []object{{"uom": s.world.items[st.SKU].Unit, "on_hand": number(st.OnHand), "allocated": number(st.Allocated), "inbound": number(st.Inbound)}}
	})
}

func (s *Server) wmsArrivals(w http.ResponseWriter, r *http.Request) {
	s.wmsShelves(w, r, func(st stock) []object {
		if !st.Inbound.IsPos() || st.Due == "" {
			return nil
		}
		return []object{{"qty": number(st.Inbound), "expected_on": st.Due, "purchase_order": st.PO}}
	})
}

func (s *Server) wmsLots(w http.ResponseWriter, r *http.Request) {
	s.wmsShelves(w, r, func(st stock) (out []object) {
		for _, l := range st.Lots {
			out = append(out, object{"lot": l.Number, "qty": number(l.OnHand), "uom": s.world.items[st.SKU].Unit, "best_before": l.Expires, "on_hold": l.Blocked})
		}
		return out
	})
}

// wmsShelves tells something of each shelf of the items asked for.
func (s *Server) wmsShelves(w http.ResponseWriter, r *http.Request, of func(stock) []object) {
	skus := strings.Split(r.URL.Query().Get("skus"), ",")
	if len(skus) > 200 {
		reply(w, http.StatusBadRequest, object{"error": object{"code": "TOO_MANY_SKUS", "message": "at most 200"}})
		return
	}
	at, asOf := s.shelves()
	items := []object{}
	for _, sku := range skus {
		for _, site := range s.world.codes("wms") {
			if st, ok := at(stockKey("wms", site, sku)); ok {
				for _, o := range of(st) {
					o["site"], o["sku"] = site, sku
					items = append(items, o)
				}
			}
		}
	}
	reply(w, http.StatusOK, object{"as_of": stampOf(asOf), "items": items})
}

func (s *Server) wmsCreate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Reference, Site, Service string
		ShipTo                   trade.Address `json:"ship_to"`
		Lines                    []struct {
			LineNo int `json:"line_no"`
			SKU    string
			Qty    json.Number
		}
	}
	if !read(w, r, &in) || in.Reference == "" || !slices.Contains(s.world.codes("wms"), in.Site) || len(in.Lines) == 0 {
		reply(w, http.StatusBadRequest, object{"error": object{"code": "BAD_REQUEST", "message": "reference, site and lines are required"}})
		return
	}
	if k := s.world.workBy("wms", in.Reference); k != nil {
		reply(w, http.StatusConflict, object{"error": object{"code": "DUPLICATE_REFERENCE", "message": "the reference exists"}, "id": k.ID})
		return
	}
	var lines []workLine
	for _, l := range in.Lines {
		q, err := trade.ParseDecimal(string(l.Qty))
		if err != nil || !q.IsPos() {
			reply(w, http.StatusBadRequest, object{"error": object{"code": "BAD_QUANTITY", "message": l.SKU}})
			return
		}
		lines = append(lines, workLine{Line: l.LineNo, SKU: l.SKU, Quantity: q})
	}
	k, err := s.accept("wms", in.Site, in.Reference, in.ShipTo, lines)
	if err != nil {
		reply(w, http.StatusUnprocessableEntity, object{"error": object{"code": "UNKNOWN_SKU", "message": err.Error()}})
		return
	}
	k.Method = in.Service
	s.world.keep(record("work", workKey(k), k))
	reply(w, http.StatusCreated, wmsOrder(k))
}

// accept takes work in and sets its stock aside.
func (s *Server) accept(system, site, reference string, to trade.Address, lines []workLine) (*work, error) {
	w := s.world
	out := []entry{}
	for i, l := range lines {
		st := w.stock[stockKey(system, site, l.SKU)]
		if st == nil {
			return nil, fmt.Errorf("%s is not kept at %s", l.SKU, site)
		}
		st.Allocated = trade.Sum(st.Allocated, l.Quantity)
		out = append(out, record("stock", stockKey(system, site, l.SKU), st))
		lines[i].Name = w.items[l.SKU].Name
	}
	now := w.now()
	k := &work{ID: w.next(), ShipmentID: w.next(), System: system, Reference: reference, Site: site, Step: stepNew, ShipTo: to, Lines: lines, Created: now, Modified: now, Due: now.Add(s.Engine.tick)}
	w.work[workKey(k)] = k
	w.keep(append(out, record("work", workKey(k), k))...)
	return k, nil
}

func (w *World) workBy(system, reference string) *work {
	for _, k := range w.work {
		if k.System == system && k.Reference == reference {
			return k
		}
	}
	return nil
}

func wmsOrder(k *work) object {
	lines := []object{}
	for _, l := range k.Lines {
		lines = append(lines, object{"line_no": l.Line, "sku": l.SKU, "qty": number(l.Quantity), "qty_shipped": number(l.Shipped)})
	}
	status := k.Step
	if k.Shipped != nil {
		status = stepShipped
		if k.Short {
			status = "SHIPPED_SHORT"
		}
	}
	out := object{"id": strconv.FormatInt(k.ID, 10), "service": k.Method, "reference": k.Reference, "site": k.Site, "status": status, "note": k.Note, "lines": lines, "updated_at": stampOf(k.Modified)}
	if k.Shipped != nil {
		scans := []object{}
		for _, s := range k.Scans {
			scans = append(scans, object{"code": s.Code, "at": stampOf(s.At), "location": s.Location})
		}
		out["shipments"] = []object{{"id": strconv.FormatInt(k.ShipmentID, 10), "carrier": k.Carrier, "tracking": k.Tracking, "shipped_at": stampOf(*k.Shipped), "lines": lines, "scans": scans}}
	}
	return out
}

func (s *Server) wmsList(w http.ResponseWriter, r *http.Request) {
	refs := strings.Split(r.URL.Query().Get("references"), ",")
	out := []object{}
	for _, key := range sorted(s.world.work) {
		if k := s.world.work[key]; k.System == "wms" && slices.Contains(refs, k.Reference) {
			out = append(out, wmsOrder(k))
		}
	}
	reply(w, http.StatusOK, object{"orders": out})
}

func (s *Server) wmsCancel(w http.ResponseWriter, r *http.Request) {
	k := s.world.work["wms|"+r.PathValue("id")]
	if k == nil {
		reply(w, http.StatusNotFound, object{"error": object{"code": "NOT_FOUND", "message": "no such order"}})
		return
	}
	reply(w, http.StatusOK, object{"cancelled": s.world.cancel(k)})
}

// cancel stops work that is not packed yet.
func (w *World) cancel(k *work) bool {
	switch k.Step {
	case stepCancelled:
		return true
	case stepRefused:
		k.Step, k.Modified = stepCancelled, w.now()
		w.keep(record("work", workKey(k), k))
		return true
	case stepNew, stepPicking:
		k.Step, k.Modified = stepCancelled, w.now()
		w.keep(append(w.unallocate(k), record("work", workKey(k), k))...)
		return true
	default:
		return false
	}
}

func (s *Server) wmsReturn(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Reference, Site string
		Lines           []struct {
			SKU string
			Qty json.Number
		}
	}
	if !read(w, r, &in) || in.Reference == "" {
		reply(w, http.StatusBadRequest, object{"error": object{"code": "BAD_REQUEST", "message": "reference is required"}})
		return
	}
	g := s.world.returnBy("wms", in.Reference)
	if g == nil {
		var lines []returnLine
		for _, l := range in.Lines {
			q, _ := trade.ParseDecimal(string(l.Qty))
			lines = append(lines, returnLine{SKU: l.SKU, Quantity: q})
		}
		g = s.expect("wms", in.Site, in.Reference, lines)
	}
	reply(w, http.StatusCreated, wmsReturned(g))
}

func (s *Server) expect(system, site, reference string, lines []returnLine) *goodsReturn {
	now := s.world.now()
	g := &goodsReturn{ID: s.world.next(), System: system, Reference: reference, Site: site, Step: stepExpected, Lines: lines, Created: now, Modified: now, Due: now.Add(s.Engine.tick)}
	key := fmt.Sprintf("%s|%d", system, g.ID)
	s.world.returns[key] = g
	s.world.keep(record("return", key, g))
	return g
}

func (w *World) returnBy(system, reference string) *goodsReturn {
	for _, g := range w.returns {
		if g.System == system && g.Reference == reference {
			return g
		}
	}
	return nil
}

func wmsReturned(g *goodsReturn) object {
	lines := []object{}
	for _, l := range g.Lines {
		for _, d := range l.Done {
			lines = append(lines, object{"sku": l.SKU, "qty": number(d.Quantity), "disposition": strings.ToUpper(d.Action)})
		}
	}
	return object{"id": strconv.FormatInt(g.ID, 10), "reference": g.Reference, "site": g.Site, "status": g.Step, "received": lines}
}

func (s *Server) wmsReturns(w http.ResponseWriter, r *http.Request) {
	refs := strings.Split(r.URL.Query().Get("references"), ",")
	out := []object{}
	for _, key := range sorted(s.world.returns) {
		if g := s.world.returns[key]; g.System == "wms" && slices.Contains(refs, g.Reference) {
			out = append(out, wmsReturned(g))
		}
	}
	reply(w, http.StatusOK, object{"returns": out})
}
