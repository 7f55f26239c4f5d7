package tryton

import (
	"encoding/json"
	"fmt"
	"time"

	"crossdock/domains/trade"
)

// money is an exact number of the wire.
type money struct {
	Text string `json:"decimal"`
}

// value is the number; a missing one is zero.
func (m *money) value() trade.Decimal {
	if m == nil {
		return trade.Decimal{}
	}
	d, err := trade.ParseDecimal(m.Text)
	if err != nil {
		return trade.Decimal{}
	}
	return d
}

// exact is a number as the wire has it.
func exact(d trade.Decimal) map[string]string {
	return map[string]string{"__class__": "Decimal", "decimal": d.String()}
}

// priceDigits are the places of a unit price; the product calculates with more and stores these.
const priceDigits = 4

// quantity reads a number that the product keeps as a binary float, which is exact to far more places than
// any unit has.
func quantity(n json.Number) trade.Decimal {
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

// float is a quantity for the wire.
func float(d trade.Decimal) json.Number { return json.Number(d.String()) }

// stamp is a moment in UTC, or a date.
type stamp struct {
	Year   int `json:"year"`
	Month  int `json:"month"`
	Day    int `json:"day"`
	Hour   int `json:"hour"`
	Minute int `json:"minute"`
	Second int `json:"second"`
	Micro  int `json:"microsecond"`
}

func (s *stamp) time() time.Time {
	if s == nil {
		return time.Time{}
	}
	return time.Date(s.Year, time.Month(s.Month), s.Day, s.Hour, s.Minute, s.Second, s.Micro*1000, time.UTC)
}

func (s *stamp) date() trade.Date {
	if s == nil {
		return ""
	}
	return trade.Date(s.time().Format(time.DateOnly))
}

// moment is a time for the wire.
func moment(t time.Time) map[string]any {
	t = t.UTC()
	return map[string]any{
		"__class__": "datetime", "year": t.Year(), "month": int(t.Month()), "day": t.Day(),
		"hour": t.Hour(), "minute": t.Minute(), "second": t.Second(), "microsecond": t.Nanosecond() / 1000,
	}
}

// day is a date for the wire.
func day(t time.Time) map[string]any {
	return map[string]any{"__class__": "date", "year": t.Year(), "month": int(t.Month()), "day": t.Day()}
}

// stamps are when a record was made and last changed.
type stamps struct {
	Created *stamp `json:"create_date"`
	Written *stamp `json:"write_date"`
}

func (s stamps) modified() time.Time {
	if w := s.Written.time(); !w.IsZero() {
		return w
	}
	return s.Created.time()
}

// named is a record that is only known by its name.
type named struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

func (n *named) name() string {
	if n == nil {
		return ""
	}
	return n.Name
}

// coded is a record that is known by its code.
type coded struct {
	ID   int    `json:"id"`
	Code string `json:"code"`
}

func (c *coded) code() string {
	if c == nil {
		return ""
	}
	return c.Code
}

// unit is a unit of measure.
type unit struct {
	ID     int    `json:"id"`
	Symbol string `json:"symbol"`
	Digits int    `json:"digits"`
}

func (u *unit) symbol() trade.Unit {
	if u == nil {
		return ""
	}
	return trade.Unit(u.Symbol)
}
