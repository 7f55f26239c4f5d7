package exports_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crossdock/sandbox/exports"
)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	accounts = "account,name\nA1,First\nA2,Second\n"
	items    = "sku,name,price\nX,Bolt,1.50\nY,Nut,2\n"
)

func TestTheExampleIsUnderstoodWithoutColumnsYAML(t *testing.T) {
	t.Parallel()
	b, err := exports.Read("../../docs/examples/exports")
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Accounts) != 8 || len(b.Items) != 20 || len(b.Prices) != 11 || len(b.Orders) != 24 {
		t.Errorf("%d accounts, %d items, %d prices, %d orders", len(b.Accounts), len(b.Items), len(b.Prices), len(b.Orders))
	}
	first := b.Accounts[0]
	if first.Number != "20110" || first.Limit.String() != "25000.00" || first.Balance.String() != "4210.55" || first.Address.PostalCode != "98402" {
		t.Errorf("the first account is %+v", first)
	}
	if o := b.Orders[0]; o.Date != "2026-05-08" || !o.Lines[0].Shipped.Equal(o.Lines[0].Quantity) {
		t.Errorf("a closed order is %+v", o)
	}
	if i := slices.IndexFunc(b.Stock, func(s exports.Stock) bool { return s.ThirdParty }); i < 0 || b.Stock[i].Node != "RENO-3PL" {
		t.Error("no place is a 3PL's")
	}
}

// Every way to write a thing that exports are known to have.
func TestManyWaysToWriteAThing(t *testing.T) {
	t.Parallel()
	b, err := exports.Read(folder(t, map[string]string{
		// Semicolons and a decimal comma, as spreadsheets in most of Europe save them, in Windows-1252.
		"KUNDEN.txt":   "KUNNR;NAME1;KLIMK;Saldo\n1001;M\xfcller \"Bau\" GmbH;1.234,50;12,5-\n",
		"products.tsv": "\xef\xbb\xbfPart Number\tTitle\tList Price\tUPC\nX-1\tBolt, M8\t1.5\t400638133393\n",
		"Prices.csv":   "sku,price,valid from,valid to\nX-1,\"$1,299.00\",31.01.2026,2026-12-31 00:00:00\n",
		"columns.yaml": "accounts:\n  file: KUNDEN.txt\n  columns: {balance: Saldo}\n  defaults: {currency: EUR, country: DE}\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	a := b.Accounts[0]
	if a.Name != `Müller "Bau" GmbH` || a.Limit.String() != "1234.50" || a.Balance.String() != "-12.5" || a.Currency != "EUR" || a.Address.Country != "DE" {
		t.Errorf("account %+v", a)
	}
	if i := b.Items[0]; i.SKU != "X-1" || i.Name != "Bolt, M8" || i.Price.String() != "1.5" || i.GTIN != "400638133393" {
		t.Errorf("item %+v", i)
	}
	if p := b.Prices[0]; p.Price.String() != "1299.00" || p.Starts != "2026-01-31" || p.Ends != "2026-12-31" || p.Account != "" {
		t.Errorf("price %+v", p)
	}
}

// What is easily read in a wrong way is read right, or reported.
func TestNothingIsMisreadInSilence(t *testing.T) {
	t.Parallel()
	b, err := exports.Read(folder(t, map[string]string{
		// A sign of inches in a cell of a file with tabs ends nothing.
		"items.tsv": "sku\tname\tprice\tnote\nA\tPipe\t1\t\"O\" ring\nB\t\"Pipe \"\"2\"\"\"\t2\t5\"\nC\tPipe\t3\t\n",
		// The first letter that is not UTF-8 comes late.
		"accounts.csv": "account,name\nA0,first\n" + manyAccounts(1200) + "LATE,M\xfcller\n",
		"prices.csv":   "sku,price,starts\nA,1,2-OCT-2026\nB,2,2026-11-02 10:30:00\nC,3,2026-11-02T10:30:00Z\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Items) != 3 || b.Items[1].Name != `Pipe "2"` {
		t.Errorf("items %+v", b.Items)
	}
	if last := b.Accounts[len(b.Accounts)-1]; last.Name != "Müller" {
		t.Errorf("the last account is %q", last.Name)
	}
	for i, want := range []string{"2026-10-02", "2026-11-02", "2026-11-02"} {
		if string(b.Prices[i].Starts) != want {
			t.Errorf("price %d starts %s, not %s", i, b.Prices[i].Starts, want)
		}
	}
	_, err = exports.Read(folder(t, map[string]string{
		"accounts.csv": accounts, "items.csv": "sku;name;price\nA;Pipe;12.500\nB;Pipe;1.234.500\nC;Pipe;12,5\n",
		"stock.csv": "node,sku,on hand,note\nE,A,1,\"open\n" + strings.Repeat("E,B,1,\n", 12),
	}))
	if err == nil || !strings.Contains(err.Error(), `"12.500" can be read in two ways`) || !strings.Contains(err.Error(), "a quotation mark that is not closed") {
		t.Errorf("what can be read in two ways: %v", err)
	}
}

func manyAccounts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "N%d,%s\n", i, strings.Repeat("y", 70))
	}
	return b.String()
}

// Each mistake is reported with its place and its reason, and all of them at once.
func TestEveryBadRowIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	b, err := exports.Read(folder(t, map[string]string{
		"accounts.csv":    "account,name,limit,currency\nA1,First,ten,USD\nA2,Second,,dollars\nA3,Third,,\nA3,Again,,\n,Nobody,,\n",
		"items.csv":       "sku,name,price\nX,Bolt,1.50\nY,Nut,-2\nX,Bolt again,1\n" + strings.Repeat("L", 21) + ",Long,1\n",
		"prices.csv":      "sku,price,account,starts,ends\nX,1,A9,,\nX,1,A3,2026-02-01,2026-01-01\nX,1,A3,yesterday,\n",
		"stock.csv":       "node,sku,on hand,kind\nEAST,Q,1,\nEAST,X,many,\nEAST,X,1,SHED\n",
		"orders.csv":      "order,account,date,status\nO1,A3,2026-01-01,\nO2,A1,2026-01-01,\nO3,A3,2026-01-01,MAYBE\nO4,A3,,\nO5,A3,2026-01-01,\n",
		"order_lines.csv": "order,sku,quantity,shipped\nO1,X,2,3\nO9,X,1,\nO2,X,1,\nO5,Y,1,\nO1,X,0,\n",
	}))
	problems, ok := errors.AsType[exports.RowErrors](err)
	if !ok {
		t.Fatalf("the error is %v", err)
	}
	text := problems.Error()
	for _, want := range []string{
		`accounts.csv line 2, column limit: "ten" is not a number`, `accounts.csv line 3, column currency: "DOLLARS" is not an ISO 4217 code`, `accounts.csv line 5, column account: account A3 was there before, as "Third"`,
		`accounts.csv line 6, column account: it is empty`, `items.csv line 3, column price: -2 is less than 0`, `items.csv line 4, column sku: item X was there before`, `items.csv line 5, column sku: 21 characters; the limit is 20`,
		`prices.csv line 2, column account: there is no account "A9"`, `prices.csv line 3, column ends: 2026-01-01 is before 2026-02-01`, `prices.csv line 4, column starts: "yesterday" is not a date`,
		`stock.csv line 2, column sku: there is no item "Q"`, `stock.csv line 3, column on hand: "many" is not a number`, `stock.csv line 4, column kind: "SHED" is neither WAREHOUSE nor 3PL`,
		`orders.csv line 3, column account: account "A1" was left out`, `orders.csv line 4, column status: "MAYBE" is not known`, `orders.csv line 5, column date: it is empty`,
		`order_lines.csv line 2, column shipped: 3 have shipped of 2`, `order_lines.csv line 3, column order: there is no order "O9"`, `order_lines.csv line 4, column order: order "O2" was left out`,
		`order_lines.csv line 5, column sku: item "Y" was left out`, `order_lines.csv line 6, column quantity: it must be more than zero`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if len(problems) != 21 {
		t.Errorf("%d problems instead of 21:\n%s", len(problems), text)
	}
	// What is left names only what is left.
	if len(b.Accounts) != 1 || len(b.Items) != 1 || len(b.Orders) != 0 || len(b.Stock) != 0 || len(b.Prices) != 0 {
		t.Errorf("%d accounts, %d items, %d orders, %d stock, %d prices are left", len(b.Accounts), len(b.Items), len(b.Orders), len(b.Stock), len(b.Prices))
	}
}

func TestFilesAndHeadingsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no items":        {map[string]string{"accounts.csv": accounts}, "items.csv: the file is missing"},
		"no column":       {map[string]string{"accounts.csv": "who,name\nA,B\n", "items.csv": items}, "column account: no column holds it; recognised are account, account number"},
		"empty":           {map[string]string{"accounts.csv": "", "items.csv": items}, "accounts.csv: the file is empty"},
		"unknown key":     {map[string]string{"accounts.csv": accounts, "items.csv": items, "columns.yaml": "acounts: {}\n"}, `unknown key "acounts"`},
		"unknown field":   {map[string]string{"accounts.csv": accounts, "items.csv": items, "columns.yaml": "items:\n  colums: {}\n"}, "line 2: field colums not found"},
		"unknown column":  {map[string]string{"accounts.csv": accounts, "items.csv": items, "columns.yaml": "items:\n  columns: {colour: Farbe}\n"}, `items has no column "colour"`},
		"absent heading":  {map[string]string{"accounts.csv": accounts, "items.csv": items, "columns.yaml": "items:\n  columns: {unit: ME}\n"}, "column ME: columns.yaml says that unit is in this column"},
		"absent file":     {map[string]string{"accounts.csv": accounts, "items.csv": items, "columns.yaml": "stock:\n  file: lager.csv\n"}, `names the file "lager.csv", which is not in the folder`},
		"wrong mark":      {map[string]string{"accounts.csv": accounts, "items.csv": items, "columns.yaml": "decimal: x\n"}, `decimal is "x"`},
		"order sans line": {map[string]string{"accounts.csv": accounts, "items.csv": items, "orders.csv": "order,account,date\nO1,A1,2026-01-01\n"}, "order O1 has no lines"},
	} {
		if _, err := exports.Read(folder(t, c.files)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheDocumentationListsEveryHeading keeps docs/exports.md true.
func TestTheDocumentationListsEveryHeading(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/exports.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range exports.Headings() {
		if !strings.Contains(string(raw), row) {
			t.Errorf("docs/exports.md lacks %s", row)
		}
	}
}

// FuzzRead never ends in anything but rows and problems.
func FuzzRead(f *testing.F) {
	f.Add([]byte(accounts), []byte(items))
	f.Add([]byte("KUNNR;NAME1\n1;\"\n"), []byte("sku|name|price\n|x|1,2,3\n"))
	f.Fuzz(func(t *testing.T, a, i []byte) {
		b, err := exports.Read(folder(t, map[string]string{"accounts.csv": string(a), "items.csv": string(i)}))
		if err == nil && b == nil {
			t.Error("neither a business nor an error")
		}
	})
}
