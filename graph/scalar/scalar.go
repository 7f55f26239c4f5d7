// Package scalar is how domain values are written on the wire, so that domains carry no GraphQL.
package scalar

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"crossdock/domains/fault"
	"crossdock/domains/finance"
	"crossdock/domains/trade"
	"crossdock/graph/breadth"
)

// Node is anything with an id of its own.
type Node any

// FinanceDocument is an invoice or a credit memo.
type FinanceDocument interface{ IsFinanceDocument() }

// Invoice is a document that bills, told apart for the executor.
type Invoice struct{ *finance.Document }

// CreditMemo is a document that credits, told apart for the executor.
type CreditMemo struct{ *finance.Document }

// IsFinanceDocument marks an invoice as a document.
func (*Invoice) IsFinanceDocument() {}

// IsFinanceDocument marks a credit memo as a document.
func (*CreditMemo) IsFinanceDocument() {}

// The names of the types in global ids.
const (
	TypeOrder       = "Order"
	TypeAccount     = "Account"
	TypeItem        = "Item"
	TypeShipment    = "Shipment"
	TypeWork        = "FulfillmentOrder"
	TypeReturn      = "Return"
	TypeInvoice     = "Invoice"
	TypeCreditMemo  = "CreditMemo"
	TypeException   = "Exception"
	TypeReference   = "ExternalReference"
	TypeShadowWrite = "ShadowWrite"
	TypeImport      = "OrderImport"
	TypeImportRow   = "ImportRow"
	maxIDCharacters = 600
)

// GlobalID returns the opaque id of a thing.
func GlobalID(typ, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(typ + ":" + id))
}

// ParseGlobalID returns the type and the inner id of an opaque id.
func ParseGlobalID(id string) (typ, inner string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	typ, inner, ok := strings.Cut(string(raw), ":")
	if err != nil || !ok || typ == "" || inner == "" || len(id) > maxIDCharacters {
		return "", "", fault.New(fault.Invalid, "%q is not an id: use one as a query returned it", truncate(id))
	}
	return typ, inner, nil
}

// ParseID returns the inner id when the opaque id is of the type.
func ParseID(typ, id string) (string, error) {
	got, inner, err := ParseGlobalID(id)
	if err != nil {
		return "", err
	}
	if got != typ {
		return "", fault.New(fault.Invalid, "the id is of type %s, not %s", got, typ)
	}
	return inner, nil
}

// ParseAccountID takes an opaque id or the account's number.
func ParseAccountID(id string) trade.AccountID {
	if inner, err := ParseID(TypeAccount, id); err == nil {
		return trade.AccountID(inner)
	}
	return trade.AccountID(id)
}

func truncate(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// written is a value as gqlgen's own executor takes it: what add appends, or null.
func written[T any](add breadth.Append[T], v T) graphql.Marshaler {
	raw, ok := add(nil, v)
	if !ok {
		return graphql.Null
	}
	return graphql.WriterFunc(func(w io.Writer) { _, _ = w.Write(raw) })
}

// AppendString is MarshalString for breadth-first execution.
func AppendString(b []byte, s string) ([]byte, bool) { return breadth.AppendString(b, s) }

// appendGlobalID writes the opaque id of a thing.
func appendGlobalID(b []byte, typ, id string) ([]byte, bool) {
	var room [64]byte
	raw := append(append(append(room[:0], typ...), ':'), id...)
	return append(base64.RawURLEncoding.AppendEncode(append(b, '"'), raw), '"'), true
}

// MarshalOrderID writes an order's opaque id.
func MarshalOrderID(id trade.OrderID) graphql.Marshaler { return written(AppendOrderID, id) }

// AppendOrderID is MarshalOrderID for breadth-first execution.
func AppendOrderID(b []byte, id trade.OrderID) ([]byte, bool) {
	return appendGlobalID(b, TypeOrder, string(id))
}

// UnmarshalOrderID reads an order's opaque id.
func UnmarshalOrderID(v any) (trade.OrderID, error) {
	s, err := graphql.UnmarshalString(v)
	if err != nil {
		return "", err
	}
	id, err := ParseID(TypeOrder, s)
	return trade.OrderID(id), err
}

// MarshalAccountID writes an account's opaque id.
func MarshalAccountID(id trade.AccountID) graphql.Marshaler { return written(AppendAccountID, id) }

// AppendAccountID is MarshalAccountID for breadth-first execution.
func AppendAccountID(b []byte, id trade.AccountID) ([]byte, bool) {
	return appendGlobalID(b, TypeAccount, string(id))
}

// UnmarshalAccountID reads an account's opaque id or number.
func UnmarshalAccountID(v any) (trade.AccountID, error) {
	s, err := graphql.UnmarshalString(v)
	return ParseAccountID(s), err
}

// MarshalAccountNumber writes an account's number.
func MarshalAccountNumber(id trade.AccountID) graphql.Marshaler {
	return graphql.MarshalString(string(id))
}

// AppendAccountNumber is MarshalAccountNumber for breadth-first execution.
func AppendAccountNumber(b []byte, id trade.AccountID) ([]byte, bool) {
	return breadth.AppendString(b, id)
}

// UnmarshalAccountNumber reads an account's number.
func UnmarshalAccountNumber(v any) (trade.AccountID, error) {
	s, err := graphql.UnmarshalString(v)
	return trade.AccountID(s), err
}

// MarshalSKU writes a SKU.
func MarshalSKU(v trade.SKU) graphql.Marshaler { return graphql.MarshalString(string(v)) }

// AppendSKU is MarshalSKU for breadth-first execution.
func AppendSKU(b []byte, v trade.SKU) ([]byte, bool) { return breadth.AppendString(b, v) }

// UnmarshalSKU reads a SKU.
func UnmarshalSKU(v any) (trade.SKU, error) {
	s, err := graphql.UnmarshalString(v)
	return trade.SKU(s), err
}

// MarshalNodeName writes a node's id.
func MarshalNodeName(v trade.NodeID) graphql.Marshaler { return graphql.MarshalString(string(v)) }

// AppendNodeName is MarshalNodeName for breadth-first execution.
func AppendNodeName(b []byte, v trade.NodeID) ([]byte, bool) { return breadth.AppendString(b, v) }

// UnmarshalNodeName reads a node's id.
func UnmarshalNodeName(v any) (trade.NodeID, error) {
	s, err := graphql.UnmarshalString(v)
	return trade.NodeID(s), err
}

// MarshalDecimal writes a decimal as a string, without needless zeros beyond its places.
func MarshalDecimal(v trade.Decimal) graphql.Marshaler { return written(AppendDecimal, v) }

// AppendDecimal is MarshalDecimal for breadth-first execution.
func AppendDecimal(b []byte, v trade.Decimal) ([]byte, bool) {
	b, err := v.AppendText(append(b, '"'))
	if err != nil { // never: every decimal has a text
		return b, false
	}
	return append(b, '"'), true
}

// UnmarshalDecimal reads a decimal from a string or a number, and never through a float.
func UnmarshalDecimal(v any) (trade.Decimal, error) {
	switch x := v.(type) {
	case string:
		return parseDecimal(x)
	case json.Number:
		return parseDecimal(string(x))
	case int64:
		return parseDecimal(strconv.FormatInt(x, 10))
	case int:
		return parseDecimal(strconv.Itoa(x))
	case float64:
		return parseDecimal(strconv.FormatFloat(x, 'f', -1, 64))
	default:
		return trade.Decimal{}, fault.New(fault.Invalid, "a decimal is a string such as \"12.50\"")
	}
}

func parseDecimal(s string) (trade.Decimal, error) {
	d, err := trade.ParseDecimal(s)
	if err != nil {
		return d, fault.New(fault.Invalid, "%s", err.Error())
	}
	return d, nil
}

// MarshalDateTime writes a moment in UTC.
func MarshalDateTime(t time.Time) graphql.Marshaler { return written(AppendDateTime, t) }

// AppendDateTime is MarshalDateTime for breadth-first execution.
func AppendDateTime(b []byte, t time.Time) ([]byte, bool) {
	if t.IsZero() {
		return b, false
	}
	return append(t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"'), true
}

// UnmarshalDateTime reads a moment with any offset.
func UnmarshalDateTime(v any) (time.Time, error) {
	s, err := graphql.UnmarshalString(v)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fault.New(fault.Invalid, "%q is not a moment: write one such as 2026-11-23T14:00:00Z", truncate(s))
	}
	return t, nil
}

// MarshalDate writes a business date; an empty one is null.
func MarshalDate(d trade.Date) graphql.Marshaler { return written(AppendDate, d) }

// AppendDate is MarshalDate for breadth-first execution.
func AppendDate(b []byte, d trade.Date) ([]byte, bool) {
	if d == "" || strings.HasPrefix(string(d), "0001-") {
		return b, false
	}
	return breadth.AppendString(b, d)
}

// UnmarshalDate reads a business date.
func UnmarshalDate(v any) (trade.Date, error) {
	s, err := graphql.UnmarshalString(v)
	if err != nil {
		return "", err
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", fault.New(fault.Invalid, "%q is not a date: write one such as 2026-11-23", truncate(s))
	}
	return trade.Date(s), nil
}

// MarshalCurrencyCode writes a currency.
func MarshalCurrencyCode(c trade.Currency) graphql.Marshaler { return graphql.MarshalString(string(c)) }

// AppendCurrencyCode is MarshalCurrencyCode for breadth-first execution.
func AppendCurrencyCode(b []byte, c trade.Currency) ([]byte, bool) { return breadth.AppendString(b, c) }

// UnmarshalCurrencyCode reads a currency.
func UnmarshalCurrencyCode(v any) (trade.Currency, error) {
	s, err := graphql.UnmarshalString(v)
	if err == nil && !trade.Currency(s).Valid() {
		err = fault.New(fault.Invalid, "%q is not a currency: use an ISO 4217 code such as USD", truncate(s))
	}
	return trade.Currency(s), err
}

// MarshalUnitCode writes a unit.
func MarshalUnitCode(u trade.Unit) graphql.Marshaler { return graphql.MarshalString(string(u)) }

// AppendUnitCode is MarshalUnitCode for breadth-first execution.
func AppendUnitCode(b []byte, u trade.Unit) ([]byte, bool) { return breadth.AppendString(b, u) }

// UnmarshalUnitCode reads a unit.
func UnmarshalUnitCode(v any) (trade.Unit, error) {
	s, err := graphql.UnmarshalString(v)
	return trade.Unit(s), err
}

// MarshalRaw writes JSON as it is.
func MarshalRaw(v json.RawMessage) graphql.Marshaler { return written(AppendRaw, v) }

// AppendRaw is MarshalRaw for breadth-first execution.
func AppendRaw(b []byte, v json.RawMessage) ([]byte, bool) { return append(b, v...), len(v) > 0 }

// UnmarshalRaw reads any JSON value.
func UnmarshalRaw(v any) (json.RawMessage, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	return raw, nil
}

// MarshalEvidence writes what a check saw.
func MarshalEvidence(v trade.Evidence) graphql.Marshaler { return written(AppendEvidence, v) }

// AppendEvidence is MarshalEvidence for breadth-first execution.
func AppendEvidence(b []byte, v trade.Evidence) ([]byte, bool) {
	if v == nil {
		return b, false
	}
	return append(b, v.String()...), true
}

// UnmarshalEvidence reads evidence; no input has any.
func UnmarshalEvidence(any) (trade.Evidence, error) {
	return nil, fault.New(fault.Invalid, "evidence is never input")
}

// MarshalItemID writes an item's opaque id.
func MarshalItemID(sku trade.SKU) graphql.Marshaler { return written(AppendItemID, sku) }

// AppendItemID is MarshalItemID for breadth-first execution.
func AppendItemID(b []byte, sku trade.SKU) ([]byte, bool) {
	return appendGlobalID(b, TypeItem, string(sku))
}

// UnmarshalItemID reads an item's opaque id.
func UnmarshalItemID(v any) (trade.SKU, error) {
	s, err := graphql.UnmarshalString(v)
	if err != nil {
		return "", err
	}
	sku, err := ParseID(TypeItem, s)
	return trade.SKU(sku), err
}

// MarshalString writes a text.
func MarshalString(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalString reads a text. PostgreSQL keeps none with a NUL character, and nobody means one.
func UnmarshalString(v any) (string, error) {
	s, err := graphql.UnmarshalString(v)
	if err == nil && strings.ContainsRune(s, 0) {
		return "", fault.New(fault.Invalid, "%q holds a NUL character: leave it out", s)
	}
	return s, err
}

// AppendID is MarshalID for breadth-first execution.
func AppendID(b []byte, s string) ([]byte, bool) { return breadth.AppendString(b, s) }

// MarshalID writes an id.
func MarshalID(s string) graphql.Marshaler { return graphql.MarshalID(s) }

// UnmarshalID reads an id.
func UnmarshalID(v any) (string, error) {
	s, err := graphql.UnmarshalID(v)
	if err == nil && strings.ContainsRune(s, 0) {
		return "", fault.New(fault.Invalid, "%q is not an id: use one as a query returned it", s)
	}
	return s, err
}
