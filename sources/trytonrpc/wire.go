package trytonrpc

import (
	"encoding/json"
	"fmt"
	"time"

	"crossdock/domains/trade"
)

// Money is an exact number of the wire.
type Money struct {
	Text string `json:"decimal"`
}

// Value is the number; a missing one is zero.
func (m *Money) Value() trade.Decimal {
	if m == nil {
		return trade.Decimal{}
	}
	d, err := trade.ParseDecimal(m.Text)
	if err != nil {
		return trade.Decimal{}
	}
	return d
}

// Exact is a number as the wire has it.
func Exact(d trade.Decimal) map[string]string {
	return map[string]string{"__class__": "Decimal", "decimal": d.String()}
}

// PriceDigits are the places of a unit price; the product calculates with more and stores these.
const PriceDigits = 4

// Quantity reads a number that the product keeps as a binary float, which is exact to far more places than
// any unit has.
func Quantity(n json.Number) trade.Decimal {
	d, err := trade.ParseDecimal(n.String())
	if err != nil {
		var f float64
		if f, err = n.Float64(); err != nil {
			return trade.Decimal{}
		}
		if d, err = trade.ParseDecimal(fmt.Sprintf("%.6f", f)); err != nil {
			return trade.Decimal{}
		}
	}
	return d.Round(6).Trim(0)
}

// Float is a quantity for the wire.
func Float(d trade.Decimal) json.Number { return json.Number(d.String()) }

// Stamp is a moment in UTC, or a date.
type Stamp struct {
	Year   int `json:"year"`
	Month  int `json:"month"`
	Day    int `json:"day"`
	Hour   int `json:"hour"`
	Minute int `json:"minute"`
	Second int `json:"second"`
	Micro  int `json:"microsecond"`
}

// Time is the moment in UTC; the zero time when there is none.
func (s *Stamp) Time() time.Time {
	if s == nil {
		return time.Time{}
	}
	return time.Date(s.Year, time.Month(s.Month), s.Day, s.Hour, s.Minute, s.Second, s.Micro*1000, time.UTC)
}

// Date is the day; empty when there is none.
func (s *Stamp) Date() trade.Date {
	if s == nil {
		return ""
	}
	return trade.Date(s.Time().Format(time.DateOnly))
}

// Moment is a time for the wire.
func Moment(t time.Time) map[string]any {
	t = t.UTC()
	return map[string]any{
		"__class__": "datetime", "year": t.Year(), "month": int(t.Month()), "day": t.Day(),
		"hour": t.Hour(), "minute": t.Minute(), "second": t.Second(), "microsecond": t.Nanosecond() / 1000,
	}
}

// Day is a date for the wire.
func Day(t time.Time) map[string]any {
	return map[string]any{"__class__": "date", "year": t.Year(), "month": int(t.Month()), "day": t.Day()}
}

// Stamps are when a record was made and last changed.
type Stamps struct {
	Created *Stamp `json:"create_date"`
	Written *Stamp `json:"write_date"`
}

// Modified is when the record was last changed, or made.
func (s Stamps) Modified() time.Time {
	if w := s.Written.Time(); !w.IsZero() {
		return w
	}
	return s.Created.Time()
}

// Named is a record that is only known by its name.
type Named struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// Text is the name; empty when there is no record.
func (n *Named) Text() string {
	if n == nil {
		return ""
	}
	return n.Name
}

// Coded is a record that is known by its code.
type Coded struct {
	ID   int    `json:"id"`
	Code string `json:"code"`
}

// Text is the code; empty when there is no record.
func (c *Coded) Text() string {
	if c == nil {
		return ""
	}
	return c.Code
}

// Unit is a unit of measure.
type Unit struct {
	ID     int    `json:"id"`
	Symbol string `json:"symbol"`
	Digits int    `json:"digits"`
}

// Text is the symbol; empty when there is no record.
func (u *Unit) Text() trade.Unit {
	if u == nil {
		return ""
	}
	return trade.Unit(u.Symbol)
}
