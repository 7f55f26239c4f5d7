package imports

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
)

// Limits of one file.
const (
	maxFile  = 3 << 20
	maxRows  = 10_000
	maxLine  = 1 << 20
	maxLines = 1000
)

// read reads a file whole. What is wrong with an order is its problem; what is wrong with the file is an error.
func read(format Format, data string) ([]Row, error) {
	if len(data) > maxFile {
		return nil, fault.New(fault.Invalid, "a file of %d bytes; the limit is %d: split it", len(data), maxFile).At("data")
	}
	data = strings.TrimPrefix(data, "\ufeff")
	var rows []Row
	var err error
	switch format {
	case JSONL:
		rows, err = readJSONL(data)
	case CSV:
		rows, err = readCSV(data)
	default:
		return nil, fault.New(fault.Invalid, "%q is not a format: use JSONL or CSV", format).At("format")
	}
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.New(fault.Invalid, "the file has no orders").At("data")
	}
	if len(rows) > maxRows {
		return nil, fault.New(fault.Invalid, "%d orders; the limit is %d: split the file", len(rows), maxRows).At("data")
	}
	seen := map[string]int{}
	for i := range rows {
		r := &rows[i]
		r.Number = i + 1
		if r.Outcome = Waiting; len(r.Problems) > 0 {
			r.Outcome = Rejected
		}
		if first, twice := seen[r.Key]; twice && r.Key != "" {
			r.problem("DUPLICATE_ORDER", "order", fmt.Sprintf("order %s is on line %d already", r.Key, first))
		}
		seen[r.Key] = r.Line
	}
	return rows, nil
}

func (r *Row) problem(code, path, message string) {
	r.Outcome, r.Problems = Rejected, append(r.Problems, Problem{code, path, message})
}

func readJSONL(data string) ([]Row, error) {
	var out []Row
	lines := bufio.NewScanner(strings.NewReader(data))
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for n := 1; lines.Scan(); n++ {
		raw := bytes.TrimSpace(lines.Bytes())
		if len(raw) == 0 {
			continue
		}
		r := Row{Line: n}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&r.Order); err != nil {
			path := ""
			if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
				path = wrong.Field
			}
			r.problem("UNREADABLE", path, strings.TrimPrefix(err.Error(), "json: "))
		} else if dec.More() {
			r.problem("UNREADABLE", "", "there is more than one order on the line")
		}
		r.Key = r.Order.Key
		r.check()
		out = append(out, r)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fault.New(fault.Invalid, "line %d has more than %d bytes", len(out)+1, maxLine).At("data")
	}
	return out, lines.Err()
}

// check notes what is wrong with an order that could be read.
func (r *Row) check() {
	if len(r.Problems) > 0 {
		return
	}
	if strings.TrimSpace(string(r.Order.Account)) == "" {
		r.problem("SANITY", "account", "the account is empty")
	}
	if n := len(r.Order.Lines); n == 0 || n > maxLines {
		r.problem("SANITY", "lines", fmt.Sprintf("%d lines; an order has 1 to %d", n, maxLines))
	}
}

// columns are what a CSV file may have; the first three it must.
func columns() []string {
	return []string{"account", "sku", "quantity", "order", "poNumber", "requestedDate", "currency", "shipToId", "unit", "expectedUnitPrice"}
}

// readCSV reads a file with an order line on each row. Rows with the same order, or else the same account and PO number, are one
// order; what they say of the order as a whole must agree.
func readCSV(data string) ([]Row, error) {
	in := csv.NewReader(strings.NewReader(data))
	first, _, _ := strings.Cut(data, "\n")
	if strings.Count(first, ";") > strings.Count(first, ",") {
		in.Comma = ';'
	}
	in.FieldsPerRecord, in.TrimLeadingSpace, in.LazyQuotes = -1, true, false
	header, err := in.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the file has no heading: its first line names the columns, %s", strings.Join(columns(), ", ")).At("data")
	}
	at := map[string]int{}
	for i, name := range header {
		name = strings.TrimSpace(name)
		if !slices.Contains(columns(), name) {
			return nil, fault.New(fault.Invalid, "line 1: there is no column %q: use %s", name, strings.Join(columns(), ", ")).At("data")
		}
		at[name] = i
	}
	for _, name := range columns()[:3] {
		if _, ok := at[name]; !ok {
			return nil, fault.New(fault.Invalid, "line 1: the column %q is missing", name).At("data")
		}
	}
	var out []Row
	index := map[string]int{}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
			return nil, fault.New(fault.Invalid, "line %d: %s", wrong.Line, wrong.Err).At("data")
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		cell := func(name string) string {
			if i, ok := at[name]; ok && i < len(record) {
				return strings.TrimSpace(record[i])
			}
			return ""
		}
		is := Row{Line: line, Key: cell("order"), Order: Order{
			Key: cell("order"), Account: trade.AccountID(cell("account")), PONumber: cell("poNumber"), RequestedDate: trade.Date(cell("requestedDate")),
			Currency: trade.Currency(cell("currency")), ShipToID: cell("shipToId"),
		}}
		group := "order " + is.Key
		if is.Key == "" {
			group = "po " + string(is.Order.Account) + " " + is.Order.PONumber
		}
		i, known := index[group]
		if !known || is.Key == "" && is.Order.PONumber == "" {
			i = len(out)
			index[group] = i
			out = append(out, is)
			out[i].check()
			out[i].Problems = slices.DeleteFunc(out[i].Problems, func(p Problem) bool { return p.Path == "lines" })
		}
		r := &out[i]
		for name, both := range map[string][2]string{
			"account": {string(r.Order.Account), string(is.Order.Account)}, "poNumber": {r.Order.PONumber, is.Order.PONumber}, "shipToId": {r.Order.ShipToID, is.Order.ShipToID},
			"requestedDate": {string(r.Order.RequestedDate), string(is.Order.RequestedDate)}, "currency": {string(r.Order.Currency), string(is.Order.Currency)},
		} {
			if both[0] != both[1] {
				r.problem("SANITY", name, fmt.Sprintf("line %d says %q, and line %d %q", line, both[1], r.Line, both[0]))
			}
		}
		r.add(line, cell)
	}
}

// add adds the order line of a CSV row.
func (r *Row) add(line int, cell func(string) string) {
	l := Line{SKU: trade.SKU(cell("sku")), Unit: trade.Unit(cell("unit"))}
	path := fmt.Sprintf("lines.%d.", len(r.Order.Lines))
	q, err := trade.ParseDecimal(cell("quantity"))
	if err != nil {
		r.problem("SANITY", path+"quantity", fmt.Sprintf("line %d: %s", line, err))
	}
	l.Quantity = q
	if text := cell("expectedUnitPrice"); text != "" {
		p, err := trade.ParseDecimal(text)
		if err != nil {
			r.problem("SANITY", path+"expectedUnitPrice", fmt.Sprintf("line %d: %s", line, err))
		}
		l.ExpectedUnitPrice = &p
	}
	if r.Order.Lines = append(r.Order.Lines, l); len(r.Order.Lines) == maxLines+1 {
		r.problem("SANITY", "lines", fmt.Sprintf("more than %d lines", maxLines))
	}
}
