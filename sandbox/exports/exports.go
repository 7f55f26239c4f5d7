// Package exports reads a distributor's own exports: a folder of CSV files as people save them
// from their ERP, their shop or a spreadsheet.
//
//	accounts.csv     who buys            required
//	items.csv        what is sold        required
//	addresses.csv    where accounts have goods sent
//	prices.csv       prices of accounts, with quantity breaks and validity
//	stock.csv        what is where
//	orders.csv, order_lines.csv
//
// Headings are recognised by their common names (tables.go); columns.yaml names the others. Every
// bad row is reported, all at once, with its file, line, column and reason.
package exports

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"crossdock/domains/trade"
)

// Business is what a folder of exports says. Its rows are whole: what a row names exists.
type Business struct {
	Accounts []Account
	Items    []Item
	Prices   []Price
	Stock    []Stock
	Orders   []Order
	// Files says how each file was understood.
	Files []File
	// Fingerprint is the same for the same files.
	Fingerprint string
}

// Account is a sold-to customer.
type Account struct {
	Number, Name, Blocked, Terms, TaxArea string
	Currency                              trade.Currency
	TaxLiable                             bool
	Limit, Balance, Overdue               trade.Decimal
	// Discount is a percentage off list prices.
	Discount trade.Decimal
	Address  trade.Address
	// ShipTos are by code.
	ShipTos map[string]trade.Address
}

// Item is something that is sold.
type Item struct {
	SKU, Name, Category, Unit, TaxClass, GTIN string
	Blocked                                   bool
	Price, Minimum, Multiple                  trade.Decimal
	// Decimals is how many decimal places a quantity may have.
	Decimals int
}

// Price is what an account, or everybody when Account is empty, pays for an item from a quantity on.
type Price struct {
	Account, SKU string
	From, Price  trade.Decimal
	// Starts and Ends bound its validity, both days included; empty is without a bound.
	Starts, Ends trade.Date
}

// Stock is an item at a place.
type Stock struct {
	Node, SKU string
	// ThirdParty says that the place belongs to a 3PL.
	ThirdParty                 bool
	OnHand, Allocated, Inbound trade.Decimal
}

// Order is an order of the past or one that is still open.
type Order struct {
	Number, Account, PONumber, ShipTo string
	Date                              trade.Date
	Cancelled                         bool
	Lines                             []OrderLine
}

// OrderLine is one line of an order. Shipped is what left already, and was invoiced.
type OrderLine struct {
	SKU                      string
	Quantity, Shipped, Price trade.Decimal
}

// File says how a file was understood.
type File struct {
	Name string
	Rows int
	// Columns are our names with the file's headings; Ignored are headings that nothing reads.
	Columns map[string]string
	Ignored []string
}

// Problem is one thing that is wrong with a row.
type Problem struct {
	File   string
	Line   int
	Column string
	Reason string
}

func (p Problem) String() string {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s line %d", at, p.Line)
	}
	if p.Column != "" {
		at += ", column " + p.Column
	}
	return at + ": " + p.Reason
}

// RowErrors is everything that is wrong with a folder.
type RowErrors []Problem

// shown bounds the problems that an error's text lists.
const shown = 500

func (p RowErrors) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d problems in the exports:", len(p))
	for i, one := range p {
		if i == shown {
			fmt.Fprintf(&b, "\n  and %d more", len(p)-shown)
			break
		}
		fmt.Fprintf(&b, "\n  %s", one)
	}
	return b.String()
}

// maxFile bounds one file.
const maxFile = 512 << 20

// Read reads a folder. With an error of type RowErrors the business still holds every row that is
// good and names only good rows, so that a caller can go on without the others.
func Read(dir string) (*Business, error) {
	r := &reader{
		out: &Business{}, sum: sha256.New(), accounts: map[string]int{}, items: map[string]bool{}, orders: map[string]int{},
		spoiled: map[string]map[string]bool{accountsTable: {}, itemsTable: {}, ordersTable: {}},
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("exports: %w", err)
	}
	if r.columns, err = readColumns(filepath.Join(dir, "columns.yaml")); err != nil {
		return nil, err
	}
	for _, t := range tables() {
		name := r.find(entries, t)
		switch {
		case name == "" && t.required:
			r.fail(Problem{File: t.name + ".csv", Reason: "the file is missing; it may also be called " + strings.Join(t.files, ", ") + ", or what columns.yaml says"})
			continue
		case name == "":
			continue
		}
		if err := r.file(dir, name, t); err != nil {
			return nil, err
		}
	}
	r.finish()
	r.out.Fingerprint = hex.EncodeToString(r.sum.Sum(nil))
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b Problem) int {
			if c := strings.Compare(a.File, b.File); c != 0 {
				return c
			}
			return a.Line - b.Line
		})
		return r.out, r.problems
	}
	return r.out, nil
}

// find returns the name of the table's file in the folder, or nothing.
func (r *reader) find(entries []os.DirEntry, t table) string {
	want := append([]string{t.name}, t.files...)
	if f := r.columns.Files[t.name].File; f != "" {
		for _, e := range entries {
			if e.Name() == f {
				return f
			}
		}
		r.fail(Problem{File: "columns.yaml", Reason: fmt.Sprintf("%s names the file %q, which is not in the folder", t.name, f)})
		return ""
	}
	for _, e := range entries {
		ext := strings.ToLower(filepath.Ext(e.Name()))
		base := squeeze(strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())))
		if slices.Contains([]string{".csv", ".tsv", ".txt"}, ext) && slices.ContainsFunc(want, func(w string) bool { return squeeze(w) == base }) {
			return e.Name()
		}
	}
	return ""
}

// file reads one file into the business.
func (r *reader) file(dir, name string, t table) error {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("exports: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > maxFile {
		return fmt.Errorf("exports: %s has %d MB; the limit is %d MB", name, info.Size()>>20, maxFile>>20)
	}
	_, _ = io.WriteString(r.sum, t.name+"\n")
	s, err := openSheet(io.TeeReader(f, r.sum), name, r.columns)
	if err != nil {
		return fmt.Errorf("exports: %s: %w", name, err)
	}
	where, ignored, missing := t.place(s.heading, r.columns.Files[t.name].Columns)
	for _, p := range missing {
		p.File, p.Line = name, s.headingLine
		r.fail(p)
	}
	if t.name == ordersTable {
		r.ordersFile = name
	}
	file := File{Name: name, Columns: map[string]string{}, Ignored: ignored}
	for col, at := range where {
		file.Columns[col] = s.heading[at]
	}
	if len(missing) == 0 {
		for {
			cells, line, err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if bad, ok := errors.AsType[*rowError](err); ok {
				r.fail(Problem{File: name, Line: line, Reason: bad.Error()})
				continue
			}
			if err != nil {
				return fmt.Errorf("exports: %s: %w", name, err)
			}
			file.Rows++
			t.take(r, &row{reader: r, sheet: s, where: where, heading: s.heading, cells: cells, line: line, defaults: r.columns.Files[t.name].Defaults})
		}
	}
	// What is left of a file whose heading failed still counts for the fingerprint.
	_, _ = io.Copy(r.sum, f)
	r.out.Files = append(r.out.Files, file)
	return nil
}
