package exports

import (
	"fmt"
	"hash"
	"slices"
	"strings"
	"unicode"

	"crossdock/domains/trade"
)

// The tables, by the name of their file.
const (
	accountsTable  = "accounts"
	addressesTable = "addresses"
	itemsTable     = "items"
	pricesTable    = "prices"
	stockTable     = "stock"
	ordersTable    = "orders"
	linesTable     = "order_lines"
)

// table describes one file: its columns with the headings that are recognised, and what takes
// its rows.
type table struct {
	name     string
	files    []string
	required bool
	columns  []column
	take     func(*reader, *row)
}

type column struct {
	name     string
	required bool
	also     []string
}

// tables are in the order in which they are read: what a row names was read before it.
func tables() []table {
	return []table{
		{accountsTable, []string{"customers", "customer", "account"}, true, []column{
			{"account", true, []string{"account number", "account no", "account id", "acct", "customer", "customer no", "customer number", "customer id", "cust no", "no", "number", "sold to", "kunnr"}},
			{"name", true, []string{"account name", "customer name", "company", "company name", "display name", "name1"}},
			{"currency", false, []string{"currency code", "curr", "waers"}},
			{"terms", false, []string{"payment terms", "payment terms code", "terms code", "zterm"}},
			{"credit_limit", false, []string{"limit", "credit limit (lcy)", "creditline", "klimk"}},
			{"balance", false, []string{"balance due", "balance (lcy)", "open balance", "ar balance", "amount due"}},
			{"overdue", false, []string{"past due", "overdue amount", "overdue balance"}},
			{"discount", false, []string{"discount percent", "discount %", "discount pct"}},
			{"blocked", false, []string{"stopped", "on hold", "credit hold", "hold", "inactive"}},
			{"tax_area", false, []string{"tax area code", "tax zone", "tax code", "tax region"}},
			{"tax_liable", false, []string{"taxable", "tax liable"}},
			{"address1", false, []string{"address", "address line 1", "street", "street 1", "line1", "addr1", "stras"}},
			{"address2", false, []string{"address line 2", "street 2", "line2", "addr2"}},
			{"city", false, []string{"town", "ort01"}},
			{"state", false, []string{"region", "province", "county", "regio"}},
			{"postal_code", false, []string{"zip", "zip code", "postcode", "post code", "pstlz"}},
			{"country", false, []string{"country code", "country region code", "land1"}},
			{"phone", false, []string{"phone no", "phone number", "telephone"}},
			{"email", false, []string{"e-mail", "email address"}},
		}, (*reader).account},
		{addressesTable, []string{"ship_to", "ship_tos", "ship_to_addresses", "shipping_addresses"}, false, []column{
			{"account", true, []string{"account number", "account no", "account id", "acct", "customer", "customer no", "customer number", "customer id", "cust no"}},
			{"code", true, []string{"ship to", "ship to id", "ship to code", "address code", "address id", "id"}},
			{"name", false, []string{"ship to name", "attention", "company"}},
			{"address1", true, []string{"address", "address line 1", "street", "street 1", "line1", "addr1"}},
			{"address2", false, []string{"address line 2", "street 2", "line2", "addr2"}},
			{"city", true, []string{"town"}},
			{"state", false, []string{"region", "province", "county"}},
			{"postal_code", true, []string{"zip", "zip code", "postcode", "post code"}},
			{"country", false, []string{"country code", "country region code"}},
			{"phone", false, []string{"phone no", "phone number", "telephone"}},
		}, (*reader).address},
		{itemsTable, []string{"products", "item", "parts", "articles", "skus"}, true, []column{
			{"sku", true, []string{"item", "item no", "item number", "item code", "item id", "part", "part number", "part no", "product", "product code", "product number", "no", "number", "article", "matnr", "material"}},
			{"name", true, []string{"description", "item name", "product name", "title", "item description", "maktx"}},
			{"category", false, []string{"item category", "item category code", "group", "product group", "class"}},
			{"unit", false, []string{"uom", "unit of measure", "base unit of measure", "base uom", "sales unit", "meins"}},
			{"price", false, []string{"list price", "unit price", "sales price", "base price", "standard price"}},
			{"tax_class", false, []string{"tax group", "tax group code", "tax code", "tax category"}},
			{"gtin", false, []string{"upc", "ean", "barcode", "ean11"}},
			{"blocked", false, []string{"discontinued", "inactive", "sales blocked"}},
			{"minimum", false, []string{"minimum quantity", "min qty", "minimum order quantity", "moq"}},
			{"decimals", false, []string{"quantity decimals", "decimal places", "qty decimals"}},
			{"multiple", false, []string{"order multiple", "pack size", "pack qty", "sales multiple"}},
		}, (*reader).item},
		{pricesTable, []string{"price_list", "price_lists", "sales_prices", "customer_prices", "contract_prices"}, false, []column{
			{"sku", true, []string{"item", "item no", "item number", "item code", "part number", "product", "product code", "matnr", "material"}},
			{"price", true, []string{"unit price", "net price", "customer price", "contract price"}},
			{"account", false, []string{"account number", "account no", "customer", "customer no", "customer number", "cust no", "sales code", "kunnr"}},
			{"from", false, []string{"minimum quantity", "min qty", "break", "break qty", "quantity break", "from quantity", "from qty"}},
			{"starts", false, []string{"valid from", "start date", "starting date", "effective from", "effective date"}},
			{"ends", false, []string{"valid to", "valid until", "end date", "ending date", "effective to", "expires"}},
		}, (*reader).price},
		{stockTable, []string{"inventory", "stock_levels", "inventory_levels", "on_hand", "quantities"}, false, []column{
			{"node", true, []string{"warehouse", "warehouse code", "location", "location code", "site", "branch", "whse", "plant", "werks"}},
			{"sku", true, []string{"item", "item no", "item number", "item code", "part number", "product", "product code", "matnr", "material"}},
			{"on_hand", true, []string{"qty on hand", "quantity on hand", "onhand", "qty", "quantity", "stock", "inventory", "physical inventory"}},
			{"allocated", false, []string{"qty allocated", "committed", "qty committed", "reserved", "reserved quantity", "on sales order"}},
			{"inbound", false, []string{"on order", "qty on order", "on purchase order", "incoming", "on po", "qty on po"}},
			{"kind", false, []string{"type", "node kind", "warehouse type", "location type"}},
		}, (*reader).stock},
		{ordersTable, []string{"sales_orders", "order", "order_headers", "sales_order_headers"}, false, []column{
			{"order", true, []string{"order number", "order no", "order id", "sales order", "so number", "document no", "no", "number", "vbeln"}},
			{"account", true, []string{"account number", "account no", "account id", "customer", "customer no", "customer number", "customer id", "cust no", "sold to", "sell to customer no", "kunnr"}},
			{"date", true, []string{"order date", "date ordered", "created", "created at", "document date", "posting date", "audat"}},
			{"po_number", false, []string{"po", "customer po", "po no", "purchase order", "external document no", "your reference", "reference", "bstnk"}},
			{"ship_to", false, []string{"ship to code", "ship to id", "address code"}},
			{"status", false, []string{"order status", "state"}},
		}, (*reader).order},
		{linesTable, []string{"orderlines", "sales_order_lines", "order_items", "order_details", "sales_lines"}, false, []column{
			{"order", true, []string{"order number", "order no", "order id", "sales order", "so number", "document no", "vbeln"}},
			{"sku", true, []string{"item", "item no", "item number", "item code", "part number", "product", "product code", "no", "matnr", "material"}},
			{"quantity", true, []string{"qty", "ordered", "qty ordered", "quantity ordered", "order quantity", "kwmeng"}},
			{"price", false, []string{"unit price", "net price", "sales price", "netpr"}},
			{"shipped", false, []string{"qty shipped", "quantity shipped", "shipped quantity", "delivered", "fulfilled"}},
		}, (*reader).line},
	}
}

func tableNames() string {
	var out []string
	for _, t := range tables() {
		out = append(out, t.name)
	}
	return strings.Join(out, ", ")
}

func (t table) column(name string) *column {
	if i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name }); i >= 0 {
		return &t.columns[i]
	}
	return nil
}

func (t table) columnNames() string {
	var out []string
	for _, c := range t.columns {
		out = append(out, c.name)
	}
	return strings.Join(out, ", ")
}

// squeeze is a heading without what people write differently.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '%' {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// place finds the table's columns in a heading. A column's own name wins over its other names,
// and what columns.yaml says over both.
func (t table) place(heading []string, given map[string]string) (where map[string]int, ignored []string, missing []Problem) {
	where = map[string]int{}
	used := map[int]bool{}
	settle := func(col, name string) {
		if _, done := where[col]; done {
			return
		}
		for i, h := range heading {
			if !used[i] && squeeze(h) == squeeze(name) {
				where[col], used[i] = i, true
				return
			}
		}
	}
	for _, c := range t.columns {
		if h := given[c.name]; h != "" {
			if settle(c.name, h); !has(where, c.name) {
				missing = append(missing, Problem{Column: h, Reason: fmt.Sprintf("columns.yaml says that %s is in this column, which the heading does not have", c.name)})
			}
		}
	}
	for _, c := range t.columns {
		settle(c.name, c.name)
	}
	for _, c := range t.columns {
		for _, name := range c.also {
			settle(c.name, name)
		}
		if c.required && !has(where, c.name) && given[c.name] == "" {
			missing = append(missing, Problem{Column: c.name, Reason: fmt.Sprintf("no column holds it; recognised are %s, and columns.yaml can name another", strings.Join(append([]string{c.name}, c.also...), ", "))})
		}
	}
	for i, h := range heading {
		if !used[i] && h != "" {
			ignored = append(ignored, h)
		}
	}
	return where, ignored, missing
}

func has(m map[string]int, key string) bool {
	_, ok := m[key]
	return ok
}

// reader builds a business up.
type reader struct {
	out      *Business
	columns  columns
	problems RowErrors
	sum      hash.Hash
	// accounts and orders say where in the business a row is; items says which are known.
	accounts, orders map[string]int
	items            map[string]bool
	ordersFile       string
	// whole are orders whose status says that all of it has shipped.
	whole map[string]bool
	// spoiled are the keys of rows that were left out, by table: what names them is left out too.
	spoiled map[string]map[string]bool
}

func (r *reader) fail(p Problem) { r.problems = append(r.problems, p) }

// row is one row under way. A cell that is wrong spoils the row.
type row struct {
	*reader
	sheet    *sheet
	where    map[string]int
	heading  []string
	cells    []string
	defaults map[string]string
	line     int
	bad      bool
}

func (w *row) fail(col, format string, args ...any) {
	w.bad = true
	heading := col
	if i, ok := w.where[col]; ok {
		heading = w.heading[i]
	}
	w.reader.fail(Problem{File: w.sheet.name, Line: w.line, Column: heading, Reason: fmt.Sprintf(format, args...)})
}

// text is a cell, at most limit characters long.
func (w *row) text(col string, limit int) string {
	v := ""
	if i, ok := w.where[col]; ok && i < len(w.cells) {
		v = strings.TrimSpace(w.cells[i])
	}
	if v == "" {
		v = w.defaults[col]
	}
	if n := len([]rune(v)); n > limit {
		w.fail(col, "%d characters; the limit is %d", n, limit)
	}
	return v
}

// key is a cell that must not be empty.
func (w *row) key(col string, limit int) string {
	v := w.text(col, limit)
	if v == "" {
		w.fail(col, "it is empty")
	}
	return v
}

// number is a cell that holds a number of at least least; missing when it is empty.
func (w *row) number(col string, missing, least trade.Decimal) trade.Decimal {
	v := w.text(col, 40)
	if v == "" {
		return missing
	}
	d, err := w.sheet.number(v)
	if err != nil {
		w.fail(col, "%s", err)
		return missing
	}
	if d.Cmp(least) < 0 {
		w.fail(col, "%s is less than %s", d, least)
	}
	return d
}

func (w *row) date(col string) trade.Date {
	v := w.text(col, 40)
	if v == "" {
		return ""
	}
	d, err := w.sheet.date(v)
	if err != nil {
		w.fail(col, "%s", err)
	}
	return d
}

// yes reads a cell that says yes or no.
func (w *row) yes(col string, missing bool) bool {
	switch v := w.text(col, 40); strings.ToLower(v) {
	case "":
		return missing
	case "y", "yes", "true", "1", "x", "t", "on", "all", "ship", "invoice":
		return true
	case "n", "no", "false", "0", "f", "off", "none", "active":
		return false
	default:
		w.fail(col, "%q is neither yes nor no", v)
		return missing
	}
}
