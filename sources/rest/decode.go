package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
)

// Field maps are compiled once, into a tree of the names on the way to their fields. A row is walked once along the
// tree, and what it holds goes to slots; nothing else is built. Only a cell with an expression makes a map
// of its row.

// cell reads one field of a row: from its slot, or by an expression.
type cell struct {
	field   string
	slot    int
	program cel.Program
	values  map[string]string
}

// cell is the one of a field, nil where the operation has none. They are few.
func (op *operation) cell(field string) *cell {
	for i := range op.cells {
		if op.cells[i].field == field {
			return &op.cells[i]
		}
	}
	return nil
}

// row is one record of a reply, read through the field map. What cannot be read is remembered with the
// record, and reading goes on: whoever has read it all asks for the trouble. Records are read one after the other into
// the same row: nobody keeps it beyond its turn.
type row struct {
	op     *operation
	record value
	slots  []value
	// whole is the record as expressions see it, made for the first that asks.
	whole any
	// top is the row that this one is within, or itself: it has their trouble.
	top     *row
	trouble error
	// inner is what the records of a list within this one were read into.
	inner *row
}

// row returns a row for records of the operation, within another one or within none.
func (op *operation) row(within *row) *row {
	r := &row{op: op, slots: make([]value, op.slots)}
	if r.top = r; within != nil {
		r.top = within.top
	}
	return r
}

// blank makes room for the next record.
func (r *row) blank() {
	clear(r.slots)
	if r.record, r.whole = (value{}), nil; r.top == r {
		r.trouble = nil
	}
}

// read reads a record.
func (r *row) read(record value) *row {
	r.blank()
	r.record = record
	r.op.tree.fill(record, r.slots)
	return r
}

// through reads the records of a list, one by one. It is false when yield wants no more. Where a product has nothing it may say null.
func (r *row) through(list value, yield func(*row) bool) bool {
	w := walk{raw: list.text}
	for _, end := w.open(); w.more(end); {
		r.blank()
		r.record = r.op.tree.value(&w, r.slots)
		if r.record.kind != 'n' && !yield(r) {
			return false
		}
	}
	return true
}

// rows are the records of replies. They are read as somebody goes through them, each into the row of the one before.
type rows struct {
	op *operation
	// lists are those of each reply: a list of records, or one record.
	lists []value
}

// each goes through them.
func (rs rows) each() iter.Seq[*row] {
	return func(yield func(*row) bool) {
		r, more := rs.op.row(nil), true
		for i := 0; i < len(rs.lists) && more; i++ {
			switch l := rs.lists[i]; {
			case l.kind == '[':
				more = r.through(l, yield)
			case l.kind != 0:
				more = yield(r.read(l))
			}
		}
	}
}

// first is the first record, nil when there is none.
func (rs rows) first() *row {
	for r := range rs.each() {
		return r
	}
	return nil
}

// unread remembers that a field does not hold what it should.
func (r *row) unread(field, what string) {
	if r.top.trouble == nil {
		r.top.trouble = fault.New(fault.BadResponse, "field %s holds %q, which is no %s: mend the source's map", field, r.text(field), what)
	}
}

// unreadable is the first thing in the record that could not be read, nil when there is none.
func (c *Client) unreadable(r *row) error {
	if e, ok := errors.AsType[*fault.Error](r.top.trouble); ok {
		return e.From(c.t.Name())
	}
	return r.top.trouble
}

// value is what a field holds.
func (r *row) value(field string) value {
	f := r.op.cell(field)
	if f == nil {
		return value{}
	}
	var v value
	if f.program == nil {
		v = r.slots[f.slot]
	} else {
		var err error
		if v, err = r.worked(f.program); err != nil {
			if r.top.trouble == nil {
				r.top.trouble = fault.Wrap(fault.BadResponse, err, "field %s cannot be worked out: mend the source's map", field)
			}
			return value{}
		}
	}
	if f.values == nil {
		return v
	}
	mapped, ok := f.values[v.text]
	if !ok || v.absent() {
		mapped = f.values["*"]
	}
	return value{'"', mapped}
}

// worked is what an expression makes of the row.
func (r *row) worked(program cel.Program) (value, error) {
	switch {
	case r.whole != nil, r.record.absent():
	case r.record.kind == '"':
		r.whole = r.record.text
	default:
		dec := json.NewDecoder(strings.NewReader(r.record.text))
		dec.UseNumber()
		if err := dec.Decode(&r.whole); err != nil {
			return value{}, err
		}
	}
	out, _, err := program.Eval(map[string]any{"row": r.whole})
	if err != nil {
		return value{}, err
	}
	if s, ok := out.Value().(string); ok {
		return value{'"', s}, nil
	}
	raw, err := json.Marshal(native(out))
	if err != nil {
		return value{}, err
	}
	return parse(raw)
}

func (r *row) text(field string) string { return r.value(field).text }

// number reads a decimal number; zero when there is none.
func (r *row) number(field string) trade.Decimal {
	text := r.text(field)
	if text == "" {
		return trade.Decimal{}
	}
	d, err := trade.ParseDecimal(text)
	if err != nil {
		r.unread(field, "decimal number")
		return trade.Decimal{}
	}
	return d
}

// time reads a moment; the zero one when there is none.
func (r *row) time(field string) time.Time {
	text := r.text(field)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		r.unread(field, "time by RFC 3339")
		return time.Time{}
	}
	return t
}

// day reads a day; empty when there is none.
func (r *row) day(field string) trade.Date {
	text := r.text(field)
	if text == "" {
		return ""
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		r.unread(field, "day such as 2026-11-30")
		return ""
	}
	return trade.Date(text)
}

// rows reads a field that holds records, through the fields of a further operation, which is a
// map only and is never called.
func (r *row) rows(c *Client, field, shape string) iter.Seq[*row] {
	return func(yield func(*row) bool) { r.within(c, field, shape, yield) }
}

// within is rows for whoever reads the lists of many records with one function.
func (r *row) within(c *Client, field, shape string, yield func(*row) bool) {
	list := r.value(field)
	if list.kind != '[' {
		return
	}
	op := c.ops[shape]
	if op == nil && r.shapeless(field, shape) {
		return
	}
	in := r.inner
	if r.inner = nil; in == nil || in.op != op { // nobody else goes through a list of this record
		in = op.row(r)
	}
	in.through(list, yield)
	r.inner = in
}

// shapeless remembers that nothing says how to read the records in a field.
func (r *row) shapeless(field, shape string) bool {
	if r.top.trouble == nil {
		r.top.trouble = fault.New(fault.Invalid, "field %s holds records, and the source has no shape %q: add it", field, shape)
	}
	return true
}

// decode finds the records of a reply, and where the next page is.
func (op *operation) decode(body []byte) (list value, next string, err error) {
	if list, err = parse(body); err != nil || list.kind == 0 || op.around == nil {
		return list, "", err
	}
	found := make([]value, 2)
	op.around.fill(list, found)
	if op.Items == "" {
		return list, found[1].text, nil
	}
	if list = found[0]; list.kind != '[' {
		return list, "", fmt.Errorf("no list at %s", op.Items)
	}
	return list, found[1].text, nil
}
