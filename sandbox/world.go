package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"crossdock/domains/trade"
)

// World is everything that the simulated systems know. One lock guards it: the systems are
// simulated for truth and not for speed.
type World struct {
	mu  sync.Mutex
	log *os.File
	now func() time.Time

	company string
	seq     int64
	// origin is what the world was made from.
	origin string
	sites  []Site
	guide  Guide
	// fresh collects records until a new world is whole.
	fresh []entry

	customers map[string]*customer
	items     map[string]*item
	skus      []string
	orders    map[string]*salesOrder
	invoices  map[string]*document
	memos     map[string]*document
	stock     map[string]*stock
	work      map[string]*work
	returns   map[string]*goodsReturn
	hooks     map[string]*hook
	shop      map[string]*shopOrder
	// shopStock is what the storefront was last told to sell, by SKU.
	shopStock map[string]string
}

// The records. What is exported is kept in the log.
type (
	customer struct {
		ID, Number, Name, Currency, Blocked, Terms, TaxArea string
		TaxLiable                                           bool
		Limit, Balance, Overdue, Discount                   trade.Decimal
		// TaxRate is what tax its area takes, in percent.
		TaxRate  trade.Decimal
		Address  trade.Address
		ShipTos  map[string]trade.Address
		Modified time.Time
	}
	item struct {
		// ShopSKU is what the storefront calls it, where that is something else.
		ShopSKU                                          string `json:",omitempty"`
		ID, Number, Name, Category, Unit, TaxGroup, GTIN string
		Blocked                                          bool
		// Ended is whether it is no longer bought, and Next what takes its place.
		Ended                    bool   `json:",omitempty"`
		Next                     string `json:",omitempty"`
		Price, Minimum, Multiple trade.Decimal
		BreakFrom, BreakOff      trade.Decimal
		Prices                   []priceLine
		// Promotions are what is off for a time.
		Promotions []promotion `json:",omitempty"`
		// Decimals is how many decimal places a quantity may have.
		Decimals int
		// Units are the other units that it comes in.
		Units       []packing `json:",omitempty"`
		InventoryID int64
		Modified    time.Time
	}
	// packing is a unit that holds so many of the item's own.
	packing struct {
		Code  string
		Holds trade.Decimal
	}
	// priceLine is one line of the ERP's price lists; Customer is empty for everybody's price.
	priceLine struct {
		Customer     string
		From, Price  trade.Decimal
		Starts, Ends trade.Date
	}
	// promotion is a campaign: what is off the price of an item for a time. One that is closed is for orders that name it.
	promotion struct {
		Code         string
		Percent      trade.Decimal
		Starts, Ends trade.Date
		Closed       bool
	}
	orderLine struct {
		ID, ItemNumber, Name, Unit string
		Sequence                   int
		Quantity, Price            trade.Decimal
		Shipped, Invoiced          trade.Decimal
		ToShip, ToInvoice          trade.Decimal
	}
	salesOrder struct {
		ID, Number, External, Customer, Currency string
		ShipTo                                   trade.Address
		OrderDate, RequestedDate                 string
		Lines                                    []*orderLine
		Version                                  int
		Deleted                                  bool
		Modified                                 time.Time
	}
	document struct {
		ID, Number, External, OrderNumber, OrderID, Customer, Currency, InvoiceNumber string
		Posted, Paid                                                                  bool
		Date                                                                          string
		ShipTo                                                                        trade.Address
		Lines                                                                         []*orderLine
		Version                                                                       int
		Modified                                                                      time.Time
	}
	// stock is an item at a place of a warehouse system.
	stock struct {
		System, Site, SKU          string
		OnHand, Allocated, Inbound trade.Decimal
		// Due is the day on which what is inbound is expected, PO what it was ordered with.
		Due, PO string
		// Lots are what lies there by lot, where it is kept in lots.
		Lots []lot `json:",omitempty"`
	}
	// lot is what lies at a place of one lot.
	lot struct {
		Number, Expires string
		OnHand          trade.Decimal
		Blocked         bool
	}
	workLine struct {
		Line              int
		SKU, Name         string
		Quantity, Shipped trade.Decimal
	}
	scan struct {
		Code, Location string
		At             time.Time
	}
	// work is an order to ship at a warehouse system.
	work struct {
		ID                                  int64
		System, Reference, Site, Step, Note string
		Type, Method, OrderNumber           string
		ShipTo                              trade.Address
		Lines                               []workLine
		Tracking, Carrier                   string
		ShipmentID                          int64
		Shipped                             *time.Time
		Scans                               []scan
		Short                               bool
		Created, Modified, Due              time.Time
	}
	returnLine struct {
		SKU      string
		Quantity trade.Decimal
		Done     []disposed
	}
	disposed struct {
		Action   string
		Quantity trade.Decimal
	}
	goodsReturn struct {
		ID                            int64
		System, Reference, Site, Step string
		Lines                         []returnLine
		Created, Modified, Due        time.Time
	}
	hook struct {
		ID, System, URL, Secret string
		Topics                  []string
	}
)

type entry struct {
	Kind string          `json:"kind"`
	ID   string          `json:"id"`
	Data json.RawMessage `json:"data"`
}

// Maker fills a new world.
type Maker struct {
	origin string
	// insists says that a world which was made from something else will not do.
	insists bool
	make    func(*World)
}

// Open loads the world kept in the folder, or makes a new one. It fails when the world there was not
// made from the exports that are asked for.
func Open(dir string, from Maker, now func() time.Time) (*World, error) {
	w := &World{
		now: now, customers: map[string]*customer{}, items: map[string]*item{}, orders: map[string]*salesOrder{}, invoices: map[string]*document{},
		memos: map[string]*document{}, stock: map[string]*stock{}, work: map[string]*work{}, returns: map[string]*goodsReturn{},
		hooks: map[string]*hook{}, shop: map[string]*shopOrder{}, shopStock: map[string]string{},
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox folder: %w", err)
	}
	path := filepath.Join(dir, "world.jsonl")
	if err := w.replay(path); err != nil {
		return nil, err
	}
	switch {
	case len(w.items) == 0:
		if err := w.create(path, from); err != nil {
			return nil, err
		}
	case from.insists && w.origin != from.origin:
		return nil, fmt.Errorf("the world in %s was made from %s, not from %s: choose another folder, or remove this one", dir, w.origin, from.origin)
	}
	var err error
	if w.log, err = os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("sandbox log: %w", err)
	}
	return w, nil
}

// create makes a new world and keeps it, whole or not at all.
func (w *World) create(path string, from Maker) error {
	w.company, w.origin, w.seq = guid(), from.origin, 1000
	from.make(w)
	f, err := os.Create(path + ".new")
	if err != nil {
		return fmt.Errorf("sandbox log: %w", err)
	}
	out := bufio.NewWriterSize(f, 1<<20)
	lines := json.NewEncoder(out)
	head := []entry{record("company", "", w.company), record("origin", "", w.origin), record("sites", "", w.sites), record("guide", "", w.guide), record("seq", "", w.seq)}
	for _, e := range append(head, w.fresh...) {
		err = errors.Join(err, lines.Encode(e))
	}
	w.fresh = nil
	if err := errors.Join(err, out.Flush(), f.Close()); err != nil {
		return fmt.Errorf("sandbox log: %w", err)
	}
	return os.Rename(path+".new", path)
}

// add keeps a record of a world that is being made.
func (w *World) add(kind, id string, v any) { w.fresh = append(w.fresh, record(kind, id, v)) }

// Close ends the log.
func (w *World) Close() error { return w.log.Close() }

// replay reads the log. A last line cut short by a crash was never answered for: it is dropped.
func (w *World) replay(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sandbox log: %w", err)
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReaderSize(f, 1<<20)
	var good int64
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				return os.Truncate(path, good)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("sandbox log: %w", err)
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("sandbox log line %d: %w", n, err)
		}
		if err := w.restore(e); err != nil {
			return fmt.Errorf("sandbox log line %d: %w", n, err)
		}
		good += int64(len(line))
	}
}

func (w *World) restore(e entry) error {
	switch e.Kind {
	case "seq":
		return json.Unmarshal(e.Data, &w.seq)
	case "company":
		return json.Unmarshal(e.Data, &w.company)
	case "origin":
		return json.Unmarshal(e.Data, &w.origin)
	case "guide":
		return json.Unmarshal(e.Data, &w.guide)
	case "sites":
		return json.Unmarshal(e.Data, &w.sites)
	case "customer":
		return put(w.customers, e)
	case "item":
		if w.items[e.ID] == nil {
			w.skus = append(w.skus, e.ID)
		}
		return put(w.items, e)
	case "order":
		return put(w.orders, e)
	case "invoice":
		return put(w.invoices, e)
	case "memo":
		return put(w.memos, e)
	case "shipment": // an older world kept what nothing serves
		return nil
	case "stock":
		return put(w.stock, e)
	case "work":
		return put(w.work, e)
	case "return":
		return put(w.returns, e)
	case "hook":
		return put(w.hooks, e)
	case "shop":
		return put(w.shop, e)
	default:
		return fmt.Errorf("unknown record %q", e.Kind)
	}
}

func put[T any](m map[string]*T, e entry) error {
	v := new(T)
	if err := json.Unmarshal(e.Data, v); err != nil {
		return err
	}
	m[e.ID] = v
	return nil
}

// keep writes records to the log, all or none of one call at the next start.
func (w *World) keep(entries ...entry) {
	var buf []byte
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		buf = append(append(buf, line...), '\n')
	}
	if _, err := w.log.Write(buf); err != nil {
		panic(fmt.Errorf("sandbox log: %w", err))
	}
}

func record(kind, id string, v any) entry {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return entry{kind, id, data}
}

// next returns a number that was never given before.
func (w *World) next() int64 {
	w.seq++
	if w.log != nil {
		w.keep(record("seq", "", w.seq))
	}
	return w.seq
}

func guid() string { return uuid.NewString() }

func stockKey(system, site, sku string) string { return system + "|" + site + "|" + sku }

// Company is the id of the ERP's company.
func (w *World) Company() string { return w.company }
