package document_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"crossdock/internal/document"
)

type (
	name  string
	order struct {
		ID      name            `json:"id"`
		Number  int             `json:"number"`
		Total   decimal.Decimal `json:"total"`
		Placed  time.Time       `json:"placed"`
		Whole   bool            `json:"whole,omitempty"`
		Hold    *hold           `json:"hold,omitempty"`
		Lines   []line          `json:"lines"`
		Sent    []*line         `json:"sent,omitempty"`
		Same    *order          `json:"same,omitempty"`
		Unnamed string
		Kept    string `json:"-"`
	}
	hold struct {
		Code     string          `json:"code"`
		Evidence map[string]any  `json:"evidence,omitempty"`
		Raw      json.RawMessage `json:"raw,omitempty"`
		Any      any             `json:"any"`
		For      *time.Time      `json:"for,omitempty"`
	}
	line struct {
		SKU      name             `json:"sku"`
		Quantity decimal.Decimal  `json:"quantity,omitzero"`
		Asked    *decimal.Decimal `json:"asked,omitempty"`
		Tags     []string         `json:"tags,omitempty"`
	}
	// embedding is read by the library alone.
	embedding struct {
		hold
		Number int `json:"number"`
	}
)

func sample() *order {
	asked, until := decimal.MustParse("0.10"), time.Date(2026, 12, 1, 0, 0, 0, 5, time.FixedZone("", 7200))
	return &order{
		ID: "O-1", Number: -7, Total: decimal.MustParse("1234567.89"), Placed: time.Date(2026, 11, 27, 9, 30, 0, 123456789, time.UTC), Whole: true,
		Hold:  &hold{Code: "Nuts & bolts, \"M8\"\n", Evidence: map[string]any{"limit": "5", "of": []any{1.5, nil}}, Raw: json.RawMessage(`{"a":[1]}`), Any: "x", For: &until},
		Lines: []line{{SKU: "A", Quantity: decimal.MustParse("3"), Tags: []string{"", "größer", "\u2028"}}, {SKU: "B", Asked: &asked}},
		Sent:  []*line{{SKU: "C"}, nil}, Same: &order{Number: 1, Lines: []line{}}, Unnamed: "u",
	}
}

func written(tb testing.TB, v any) []byte {
	tb.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// TestDecode: documents are read as the library reads them, the short way where that goes.
func TestDecode(t *testing.T) {
	t.Parallel()
	whole := string(written(t, sample()))
	for doc, short := range map[string]bool{
		whole: true,
		`{ "lines" : [ ] , "number":0,"id" : "O" }`: true,
		`{}`:                           true,
		" {}\n":                        true,
		`{"number":12,"id":null}`:      true,
		`{"total":7,"lines":null}`:     true,
		`{"sent":null,"hold":null}`:    true,
		`{"gone":1,"id":"O"}`:          false,
		`{"Id":"O","unnamed":"x"}`:     false,
		`{"number":null}`:              false,
		`null`:                         false,
		`{"lines":[{"sku":"A"},null]}`: false,
	} {
		var got, want order
		if err := document.Decode([]byte(doc), &got); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
		if err := document.Library([]byte(doc), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v, and by the library as %+v, %v", doc, got, want, err)
		}
		if document.Short([]byte(doc), new(order)) != short {
			t.Errorf("%s: the short way is %t", doc, !short)
		}
	}
	for _, doc := range []string{``, `{`, `{"id"}`, `{"id":"O"} x`, "{\"id\":\"O\"}\x00", "{\"number\":\x01 1}", `{"id":"O",}`, `{"lines":[}`, `{"number":1e3}`, `{"number":01}`, `{"number":-}`, `{"number":99999999999999999999}`, `{"id":"a` + "\n" + `"}`, `{"id":"\`, `{"hold":{"any":"\`, `{"placed":"yesterday"}`, `{"total":"12x"}`, `{"whole":0}`} {
		if document.Decode([]byte(doc), new(order)) == nil {
			t.Errorf("%s is read", doc)
		}
	}
	var e embedding
	if err := document.Decode([]byte(`{"code":"C","number":3}`), &e); err != nil || e.Code != "C" || e.Number != 3 {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestWhatWasThere: room is used, what it holds is not, and what is read does not lean on the document's bytes.
func TestWhatWasThere(t *testing.T) {
	t.Parallel()
	asked := decimal.MustParse("1")
	room := make([]line, 0, 4)
	room[:1][0] = line{Asked: &asked, Tags: []string{"old"}}
	o := order{Lines: room}
	raw := []byte(`{"id":"O","lines":[{"sku":"A"}]}`)
	if err := document.Decode(raw, &o); err != nil {
		t.Fatal(err)
	}
	clear(raw)
	if o.ID != "O" || len(o.Lines) != 1 || cap(o.Lines) != 4 || !reflect.DeepEqual(o.Lines[0], line{SKU: "A"}) {
		t.Errorf("%+v", o)
	}
}

// FuzzDecode: what the library reads is read, as the library reads it.
func FuzzDecode(f *testing.F) {
	f.Add(string(written(f, sample())))
	f.Add(strings.ReplaceAll(string(written(f, sample())), ",", " , "))
	f.Add(`{"id":"\ud800","lines":[{"sku":"` + "\xff" + `"}],"number":-0}`)
	f.Add(`{"lines":[{"sku":"A"}],"lines":[{"quantity":"1"}],"same":{"id":"a"},"same":{"number":1}}`)
	f.Fuzz(func(t *testing.T, doc string) {
		var got, want order
		err, says := document.Decode([]byte(doc), &got), document.Library([]byte(doc), &want)
		if says == nil && (err != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%s is read as %+v, %v, and by the library as %+v", doc, got, err, want)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	o := sample()
	o.Hold, o.Lines[0].Tags = nil, []string{"a", "b"}
	for len(o.Lines) < 20 {
		o.Lines = append(o.Lines, o.Lines[0])
	}
	raw := written(b, o)
	for name, decode := range map[string]func([]byte, any) error{"short": document.Decode, "library": document.Library} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(raw, new(order)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
