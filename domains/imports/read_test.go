package imports_test

import (
	"fmt"
	"strings"
	"testing"

	"crossdock/domains/fault"
	"crossdock/domains/imports"
)

// TestRead is what becomes of files.
func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format imports.Format
		data   string
		want   string
	}{
		"two lines of one order":           {imports.CSV, "order,account,sku,quantity\nA,C1,X,1\nA,C1,Y,2\n", "1:2:A C1 [X 1 Y 2] WAITING"},
		"orders in turns":                  {imports.CSV, "order,account,sku,quantity\nA,C1,X,1\nB,C2,X,1\nA,C1,Y,2\n", "1:2:A C1 [X 1 Y 2] WAITING|2:3:B C2 [X 1] WAITING"},
		"one order by its PO number":       {imports.CSV, "account,poNumber,sku,quantity\nC1,P1,X,1\nC1,P1,Y,1\nC1,P2,X,1\n", "1:2: C1 [X 1 Y 1] WAITING|2:4: C1 [X 1] WAITING"},
		"without either each row is one":   {imports.CSV, "account,sku,quantity\nC1,X,1\nC1,Y,1\n", "1:2: C1 [X 1] WAITING|2:3: C1 [Y 1] WAITING"},
		"semicolons and a byte order mark": {imports.CSV, "\ufeffaccount;sku;quantity\nC1;X;1.5\n", "1:2: C1 [X 1.5] WAITING"},
		"a quantity in words":              {imports.CSV, "account,sku,quantity\nC1,X,one\n", "1:2: C1 [X 0] REJECTED lines.0.quantity"},
		"rows that disagree":               {imports.CSV, "order,account,sku,quantity\nA,C1,X,1\nA,C2,X,1\n", "1:2:A C1 [X 1 X 1] REJECTED account"},
		"no account":                       {imports.CSV, "account,sku,quantity\n,X,1\n", "1:2:  [X 1] REJECTED account"},
		"a short row":                      {imports.CSV, "account,sku,quantity\nC1,X\n", "1:2: C1 [X 0] REJECTED lines.0.quantity"},
		"a bare quote":                     {imports.CSV, "account,sku,quantity\nC\"1,X,1\n", "data: line 2: "},
		"JSON":                             {imports.JSONL, "{\"account\":\"C1\",\"lines\":[{\"sku\":\"X\",\"quantity\":\"2\"}]}\n\n", "1:1: C1 [X 2] WAITING"},
		"JSON without lines":               {imports.JSONL, `{"account":"C1"}`, "1:1: C1 [] REJECTED lines"},
		"two on a line":                    {imports.JSONL, `{"account":"C1","lines":[{"sku":"X","quantity":1}]} {}`, "1:1: C1 [X 1] REJECTED "},
		"not JSON":                         {imports.JSONL, "hello", "1:1:  [] REJECTED "},
		"another format":                   {"XML", "<a/>", "format: "},
	} {
		rows, err := imports.Read(c.format, c.data)
		var got []string
		for _, r := range rows {
			var lines []string
			for _, l := range r.Order.Lines {
				lines = append(lines, fmt.Sprint(l.SKU, " ", l.Quantity))
			}
			text := fmt.Sprintf("%d:%d:%s %s %v %s", r.Number, r.Line, r.Key, r.Order.Account, lines, r.Outcome)
			if len(r.Problems) > 0 {
				text += " " + r.Problems[0].Path
			}
			got = append(got, text)
		}
		text := strings.Join(got, "|")
		if e, ok := err.(*fault.Error); ok { //nolint:errorlint // it is not wrapped
			text = e.Path + ": " + e.Message
		}
		if text != c.want && (err == nil || !strings.HasPrefix(text, c.want)) {
			t.Errorf("%s: %q, want %q (%v)", name, text, c.want, err)
		}
	}
}

// FuzzRead: whatever a file has, each of its orders is one that can be placed or says what is wrong with it.
func FuzzRead(f *testing.F) {
	f.Add(true, "order,account,sku,quantity\nA,C1,X,1\nA,C1,Y,2\n")
	f.Add(true, "account;sku;quantity\n\"C1;X;1\n")
	f.Add(false, `{"account":"C1","lines":[{"sku":"X","quantity":"2","expectedUnitPrice":1e9}]}`)
	f.Fuzz(func(t *testing.T, csv bool, data string) {
		format := imports.JSONL
		if csv {
			format = imports.CSV
		}
		rows, err := imports.Read(format, data)
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Fatalf("%q: %v", data, err)
		}
		for i, r := range rows {
			if r.Number != i+1 || r.Line < 1 || (r.Outcome == imports.Rejected) != (len(r.Problems) > 0) || r.Outcome == imports.Waiting && (r.Order.Account == "" || len(r.Order.Lines) == 0) {
				t.Fatalf("%q: %+v", data, r)
			}
		}
	})
}
