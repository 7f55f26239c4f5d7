package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"crossdock/domains/trade"
)

// window counts calls of a sliding span of time.
type window struct {
	mu    sync.Mutex
	calls []time.Time
	Span  time.Duration
	Limit int
}

func (l *window) take(now time.Time) (left int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = slices.DeleteFunc(l.calls, func(t time.Time) bool { return now.Sub(t) > l.Span })
	if l.Limit > 0 && len(l.calls) >= l.Limit {
		return 0, l.Span - now.Sub(l.calls[0])
	}
	l.calls = append(l.calls, now)
	return l.Limit - len(l.calls), 0
}

// set changes the limit; zero lifts it.
func (l *window) set(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("calls"))
	if err != nil || n < 0 {
		http.Error(w, `{"error":"calls is a number"}`, http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Limit = n
	w.WriteHeader(http.StatusNoContent)
}

// shipBobs is one account at ShipBob. A distributor can have several, with centres of their own.
type shipBobs struct {
	*Server
	system string
}

// shipBob serves developer.shipbob.com/2026-01/api for one account.
func (srv *Server) shipBob(system string, secrets Secrets) {
	s := &shipBobs{srv, system}
	limit := &window{Span: time.Minute, Limit: 150} // developer.shipbob.com/2026-07/rate-limit
	s.mux.HandleFunc("POST /admin/"+system+"/limit", limit.set)
	guard := func(next func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+secrets.ShipBobToken {
				w.WriteHeader(http.StatusUnauthorized) // developer.shipbob.com/errors, which shows no body
				return
			}
			left, wait := limit.take(time.Now())
			if wait > 0 {
				seconds := int(wait.Seconds()) + 1
				w.Header().Set("x-retry-after", strconv.Itoa(seconds))
				w.Header().Set("x-remaining-calls", "0")
				reply(w, http.StatusTooManyRequests, object{"statusCode": 429, "message": fmt.Sprintf("Rate limit is exceeded. Try again in %d seconds.", seconds)})
				return
			}
			w.Header().Set("x-remaining-calls", strconv.Itoa(left))
			s.world.mu.Lock()
			defer s.world.mu.Unlock()
			next(w, r)
		}
	}
	v := "/" + system + "/2026-01"
	// developer.shipbob.com/2026-01/api/orders/create-order
	s.mux.HandleFunc("POST "+v+"/order", guard(s.sbCreate))
	// developer.shipbob.com/2026-01/api/orders/get-orders
	s.mux.HandleFunc("GET "+v+"/order", guard(s.sbList))
	// developer.shipbob.com/2026-01/api/orders/cancel-order
	s.mux.HandleFunc("POST "+v+"/order/{cancel}", guard(s.sbCancel))
	// developer.shipbob.com/2026-01/api/inventory/get-all-inventory-levels
	s.mux.HandleFunc("GET "+v+"/inventory-level", guard(s.sbLevels))
	// developer.shipbob.com/2026-01/api/inventory/get-all-inventory-levels-grouped-by-fulfillment-center
	s.mux.HandleFunc("GET "+v+"/inventory-level/locations", guard(s.sbLocations))
	// developer.shipbob.com/2026-01/api/inventory/get-all-inventory-levels-grouped-by-lot
	s.mux.HandleFunc("GET "+v+"/inventory-level/lots", guard(s.sbLots))
	// developer.shipbob.com/2026-01/api/returns/create-return-order
	s.mux.HandleFunc("POST "+v+"/return", guard(s.sbReturn))
	// developer.shipbob.com/2026-01/api/returns/get-return-orders
	s.mux.HandleFunc("GET "+v+"/return", guard(s.sbReturns))
	// developer.shipbob.com/2026-01/api/webhooks/create-subscription
	s.mux.HandleFunc("POST "+v+"/webhook", guard(s.sbSubscribe))
}

// sbSubscribe takes HTTP too, where the page insists on HTTPS: receivers are on this machine.
func (s *shipBobs) sbSubscribe(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Topics      []string
		URL, Secret string
		Description *string
	}
	known := []string{
		"order.shipped", "order.shipment.delivered", "order.shipment.exception", "order.shipment.on_hold", "order.shipment.cancelled", "return.created", "return.updated", "return.completed",
		"billing.charge.created", "billing.refund.created", "billing.credit.created",
	}
	if !read(w, r, &in) || in.URL == "" || len(in.Topics) == 0 || slices.ContainsFunc(in.Topics, func(t string) bool { return !slices.Contains(known, t) }) {
		reply(w, http.StatusUnprocessableEntity, object{"$type": "UnprocessableEntityObjectResult", "status_code": http.StatusUnprocessableEntity, "value": nil})
		return
	}
	h := s.world.hook(s.system, in.URL, in.Secret, in.Topics)
	reply(w, http.StatusOK, object{"id": h.ID, "topics": h.Topics, "url": h.URL, "secret": h.Secret, "description": in.Description, "created_at": stampOf(s.world.now())})
}

func (s *shipBobs) sbCreate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ReferenceID    string `json:"reference_id"`
		OrderNumber    string `json:"order_number"`
		ShippingMethod string `json:"shipping_method"`
		Type           string
		LocationID     json.Number `json:"location_id"`
		Recipient      struct {
			Name    string
			Address struct {
				Address1, Address2, City, State, Country string
				Zip                                      string `json:"zip_code"`
			}
		}
		Products []struct {
			ReferenceID string `json:"reference_id"`
			Name        string
			Quantity    json.Number
			Line        int `json:"external_line_id"`
		}
	}
	if r.Header.Get("shipbob_channel_id") == "" {
		reply(w, http.StatusBadRequest, object{"shipbob_channel_id": []string{"The header is required."}})
		return
	}
	if !read(w, r, &in) || in.ReferenceID == "" || in.ShippingMethod == "" || in.Type == "" || len(in.Products) == 0 || in.Recipient.Name == "" || in.Recipient.Address.Address1 == "" {
		reply(w, http.StatusBadRequest, object{"Body": []string{"reference_id, shipping_method, type, products and recipient are required."}})
		return
	}
	if !slices.Contains([]string{"DTC", "DropShip", "B2B"}, in.Type) {
		reply(w, http.StatusBadRequest, object{"Type": []string{"The value is none of DTC, DropShip, B2B."}})
		return
	}
	if s.world.workBy(s.system, in.ReferenceID) != nil {
		reply(w, http.StatusUnprocessableEntity, object{"ReferenceId": []string{"Cannot insert order with existing ReferenceId"}})
		return
	}
	site := string(in.LocationID)
	if centers := s.world.codes(s.system); site == "" && len(centers) > 0 {
		site = centers[0]
	}
	var lines []workLine
	for _, p := range in.Products {
		q, err := trade.ParseDecimal(string(p.Quantity))
		if err != nil || !q.IsPos() {
			reply(w, http.StatusBadRequest, object{"Products.Quantity": []string{"must be at least 1"}})
			return
		}
		if p.ReferenceID == "" || p.Name == "" {
			reply(w, http.StatusBadRequest, object{"Products": []string{"reference_id and name are required."}})
			return
		}
		lines = append(lines, workLine{Line: p.Line, SKU: p.ReferenceID, Quantity: q})
	}
	a := in.Recipient.Address
	k, err := s.accept(s.system, site, in.ReferenceID, trade.Address{Name: in.Recipient.Name, Line1: a.Address1, Line2: a.Address2, City: a.City, Region: a.State, PostalCode: a.Zip, Country: a.Country}, lines)
	if err != nil {
		reply(w, http.StatusBadRequest, object{"Products": []string{err.Error()}})
		return
	}
	k.Type, k.Method, k.OrderNumber = in.Type, in.ShippingMethod, in.OrderNumber
	if k.OrderNumber == "" {
		k.OrderNumber = in.ReferenceID
	}
	s.world.keep(record("work", workKey(k), k))
	reply(w, http.StatusCreated, s.sbOrder(k))
}

func (s *shipBobs) sbOrder(k *work) object {
	status, shipment := "Processing", "Processing"
	var details []object
	detail := func(id int, name string) {
		details = append(details, object{"id": id, "name": name, "description": name})
	}
	switch k.Step {
	case stepPicked:
		detail(100, "Picked")
	case stepPacked:
		detail(101, "Packed")
	case stepShipped:
		status, shipment = "Fulfilled", "Completed"
		detail(200, "Processing")
	case stepTransit:
		status, shipment = "Fulfilled", "Completed"
		detail(201, "InTransit")
	case stepOut:
		status, shipment = "Fulfilled", "Completed"
		detail(202, "OutForDelivery")
	case stepDelivered:
		status, shipment = "Fulfilled", "Completed"
		detail(203, "Delivered")
	case stepCancelled:
		status, shipment = "Cancelled", "Cancelled"
	case stepRefused:
		status, shipment = "Exception", "Exception"
		detail(303, "OutOfStock")
	}
	if k.Short && k.Shipped != nil {
		status = "PartiallyFulfilled"
	}
	products, shipped := []object{}, []object{}
	for _, l := range k.Lines {
		id := s.world.items[l.SKU].InventoryID
		products = append(products, object{"id": id, "reference_id": l.SKU, "sku": l.SKU, "quantity": number(l.Quantity), "external_line_id": l.Line})
		q := l.Quantity
		if k.Shipped != nil {
			q = l.Shipped
		}
		shipped = append(shipped, object{"id": id, "reference_id": l.SKU, "sku": l.SKU, "name": l.Name, "inventory_items": []object{{"id": id, "name": l.Name, "quantity": number(q)}}})
	}
	site, _ := strconv.Atoi(k.Site)
	sh := object{
		"id": k.ShipmentID, "order_id": k.ID, "reference_id": k.Reference, "status": shipment, "status_details": details, "location": object{"id": site, "name": "Center " + k.Site},
		"created_date": stampOf(k.Created), "last_update_at": stampOf(k.Modified), "products": shipped, "tracking": nil, "delivery_date": nil, "actual_fulfillment_date": nil,
	}
	if k.Shipped != nil {
		sh["actual_fulfillment_date"] = stampOf(*k.Shipped)
		sh["tracking"] = object{"carrier": k.Carrier, "carrier_service": "Ground", "tracking_number": k.Tracking, "tracking_url": "https://example.com/track/" + k.Tracking, "shipping_date": stampOf(*k.Shipped)}
		for _, sc := range k.Scans {
			if sc.Code == stepDelivered {
				sh["delivery_date"] = stampOf(sc.At)
			}
		}
	}
	return object{
		"id": k.ID, "reference_id": k.Reference, "order_number": k.OrderNumber, "status": status, "type": k.Type, "channel": object{"id": 101, "name": "Crossdock"}, "created_date": stampOf(k.Created),
		"shipping_method": k.Method, "products": products, "shipments": []object{sh},
	}
}

func (s *shipBobs) sbList(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	refs := strings.Split(q.Get("ReferenceIds"), ",")
	ids := strings.Split(q.Get("IDs"), ",")
	since, _ := time.Parse(time.RFC3339, q.Get("LastUpdateStartDate"))
	limit, err := strconv.Atoi(q.Get("Limit"))
	if err != nil {
		limit = 50
	}
	page, err := strconv.Atoi(q.Get("Page"))
	if err != nil {
		page = 1
	}
	if limit < 1 || limit > 250 {
		reply(w, http.StatusBadRequest, object{"Limit": []string{"must be between 1 and 250"}})
		return
	}
	out := []object{}
	for _, key := range sorted(s.world.work) {
		k := s.world.work[key]
		if k.System != s.system || (q.Get("ReferenceIds") != "" && !slices.Contains(refs, k.Reference)) || (q.Get("IDs") != "" && !slices.Contains(ids, fmt.Sprint(k.ID))) || k.Modified.Before(since) {
			continue
		}
		out = append(out, s.sbOrder(k))
	}
	from := min((page-1)*limit, len(out))
	reply(w, http.StatusOK, out[from:min(from+limit, len(out))])
}

func (s *shipBobs) sbCancel(w http.ResponseWriter, r *http.Request) {
	id, isCancel := strings.CutSuffix(r.PathValue("cancel"), ":cancel")
	k := s.world.work[s.system+"|"+id]
	if k == nil || !isCancel {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	ok := s.world.cancel(k)
	reply(w, http.StatusOK, object{
		"order_id": k.ID, "status": map[bool]string{true: "Success", false: "Failure"}[ok], "order": s.sbOrder(k),
		"canceled_shipment_results": []object{{"shipment_id": k.ShipmentID, "action": "Cancel", "is_success": ok, "reason": map[bool]string{true: "", false: "Shipment is past picking"}[ok]}},
	})
}

func (s *shipBobs) sbLevels(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.Atoi(r.URL.Query().Get("PageSize"))
	if err != nil || size < 1 {
		size = 50
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	items := []object{}
	skus := slices.Sorted(slices.Values(s.world.skus))
	for _, sku := range skus[min(from, len(skus)):min(from+size, len(skus))] {
		var on, committed trade.Decimal
		for _, site := range s.world.codes(s.system) {
			if st := s.world.stock[stockKey(s.system, site, sku)]; st != nil {
				on, committed = trade.Sum(on, st.OnHand), trade.Sum(committed, st.Allocated)
			}
		}
		items = append(items, object{
			"inventory_id": s.world.items[sku].InventoryID, "name": s.world.items[sku].Name, "sku": sku, "total_on_hand_quantity": number(on), "total_committed_quantity": number(committed),
			"total_fulfillable_quantity": number(trade.Less(on, committed)), "total_awaiting_quantity": 0,
		})
	}
	var next any
	if from+size < len(skus) {
		next = fmt.Sprintf("/2026-01/inventory-level?PageSize=%d&cursor=%d", size, from+size)
	}
	reply(w, http.StatusOK, object{"items": items, "first": nil, "last": nil, "prev": nil, "next": next})
}

// sbGrouped tells of each item asked for what lies at the centers, in the list that the page names.
func (s *shipBobs) sbGrouped(w http.ResponseWriter, r *http.Request, list string, of func(center int, st *stock) []object) {
	ids := strings.Split(r.URL.Query().Get("InventoryIds"), ",")
	items := []object{}
	for _, sku := range slices.Sorted(slices.Values(s.world.skus)) {
		i := s.world.items[sku]
		if !slices.Contains(ids, fmt.Sprint(i.InventoryID)) {
			continue
		}
		groups := []object{}
		for _, site := range s.world.codes(s.system) {
			if st := s.world.stock[stockKey(s.system, site, sku)]; st != nil {
				id, _ := strconv.Atoi(site)
				groups = append(groups, of(id, st)...)
			}
		}
		items = append(items, object{"inventory_id": i.InventoryID, "name": i.Name, "sku": sku, list: groups})
	}
	reply(w, http.StatusOK, object{"items": items, "first": nil, "last": nil, "prev": nil, "next": nil})
}

func (s *shipBobs) sbLocations(w http.ResponseWriter, r *http.Request) {
	s.sbGrouped(w, r, "locations", func(center int, st *stock) []object {
		return []object{{
			"location_id": center, "name": fmt.Sprint("Center ", center), "on_hand_quantity": number(st.OnHand), "committed_quantity": number(st.Allocated),
			"fulfillable_quantity": number(trade.Less(st.OnHand, st.Allocated)), "awaiting_quantity": number(st.Inbound), "internal_transfer_quantity": 0,
		}}
	})
}

func (s *shipBobs) sbLots(w http.ResponseWriter, r *http.Request) {
	s.sbGrouped(w, r, "lots", func(center int, st *stock) (out []object) {
		for _, l := range st.Lots {
			var date any
			if l.Expires != "" {
				date = l.Expires + "T00:00:00Z"
			}
			out = append(out, object{
				"lot_number": l.Number, "lot_date": date, "on_hand_quantity": number(l.OnHand),
				"locations": []object{{"location_id": center, "name": fmt.Sprint("Center ", center), "on_hand_quantity": number(l.OnHand)}},
			})
		}
		return out
	})
}

func (s *shipBobs) sbReturn(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ReferenceID string                   `json:"reference_id"`
		Center      struct{ ID json.Number } `json:"fulfillment_center"`
		Inventory   []struct {
			ID       json.Number
			Quantity json.Number
			Action   string `json:"requested_action"`
		}
	}
	actions := []string{"Default", "Restock", "Quarantine", "Dispose"}
	if !read(w, r, &in) || in.ReferenceID == "" || in.Center.ID == "" || len(in.Inventory) == 0 || r.Header.Get("shipbob_channel_id") == "" {
		reply(w, http.StatusUnprocessableEntity, object{"message": "reference_id, fulfillment_center and inventory are required", "errors": []string{}})
		return
	}
	if s.world.returnBy(s.system, in.ReferenceID) != nil {
		reply(w, http.StatusUnprocessableEntity, object{"message": "Duplicate reference ID", "errors": []string{}})
		return
	}
	var lines []returnLine
	for _, l := range in.Inventory {
		if !slices.Contains(actions, l.Action) {
			reply(w, http.StatusUnprocessableEntity, object{"message": "requested_action is none of " + strings.Join(actions, ", "), "errors": []string{}})
			return
		}
		for sku, i := range s.world.items {
			if fmt.Sprint(i.InventoryID) == string(l.ID) {
				q, _ := trade.ParseDecimal(string(l.Quantity))
				lines = append(lines, returnLine{SKU: sku, Quantity: q})
			}
		}
	}
	created := s.sbReturned(s.expect(s.system, string(in.Center.ID), in.ReferenceID, lines))
	for _, l := range created["inventory"].([]object) { //nolint:forcetypeassert // made above
		delete(l, "sku") // this page has none
	}
	reply(w, http.StatusCreated, created)
}

func (s *shipBobs) sbReturned(g *goodsReturn) object {
	status := map[string]string{stepExpected: "AwaitingArrival", stepArrived: "Arrived", stepInspected: "Completed"}[g.Step]
	inventory := []object{}
	for _, l := range g.Lines {
		taken := []object{}
		for _, d := range l.Done {
			taken = append(taken, object{"action": d.Action, "quantity_processed": number(d.Quantity)})
		}
		inventory = append(inventory, object{"id": s.world.items[l.SKU].InventoryID, "sku": l.SKU, "name": s.world.items[l.SKU].Name, "quantity": number(l.Quantity), "action_taken": taken})
	}
	return object{"id": g.ID, "reference_id": g.Reference, "status": status, "return_type": "Regular", "insert_date": stampOf(g.Created), "inventory": inventory}
}

func (s *shipBobs) sbReturns(w http.ResponseWriter, r *http.Request) {
	refs := strings.Split(r.URL.Query().Get("ReferenceIds"), ",")
	out := []object{}
	for _, key := range sorted(s.world.returns) {
		if g := s.world.returns[key]; g.System == s.system && slices.Contains(refs, g.Reference) {
			out = append(out, s.sbReturned(g))
		}
	}
	reply(w, http.StatusOK, object{"items": out, "first": nil, "last": nil, "next": nil, "prev": nil})
}
