package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unsafe"

	"cel.dev/cel-go/cel"
	"github.com/tidwall/gjson"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
)

// Field maps are compiled once, into a tree of the names on the way to their fields. A reply is walked once along the
// tree, and what it holds of each row goes to a slot; nothing else is built. Only a cell with an expression makes a map
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

// branch is a place in a row, by the name that leads there: the slots of what is there, and the places below.
type branch struct {
	name  string
	slots []int
	below []*branch
}

// grow makes the way to a field that is read into the slot.
func (b *branch) grow(path []string, slot int) {
	for _, name := range path {
		next := b.to(name)
		if next == nil {
			next = &branch{name: name}
			b.below = append(b.below, next)
		}
		b = next
	}
	b.slots = append(b.slots, slot)
}

// to is the place below that a name leads to, nil where nobody asks for it.
func (b *branch) to(name string) *branch {
	for _, next := range b.below {
		if next.name == name {
			return next
		}
	}
	return nil
}

// slot holds a field of a row: what a string says, or what anything else was written as.
type slot struct {
	kind gjson.Type
	text string
}

func (s slot) result() gjson.Result {
	if s.kind == gjson.String {
		return gjson.Result{Type: s.kind, Str: s.text}
	}
	return gjson.Result{Type: s.kind, Raw: s.text}
}

// fill walks a record.
func (b *branch) fill(record gjson.Result, slots []slot) {
	record.ForEach(func(name, v gjson.Result) bool {
		next := b.to(name.Str)
		if next == nil {
			return true
		}
		for _, i := range next.slots {
			if slots[i] = (slot{v.Type, v.Raw}); v.Type == gjson.String {
				slots[i].text = v.Str
			}
		}
		if len(next.below) > 0 && v.IsObject() {
			next.fill(v, slots)
		}
		return true
	})
}

// row is one record of a reply, read through the field map. What cannot be read is remembered with the
// record, and reading goes on: whoever has read it all asks for the trouble. Records are read one after the other into
// the same row: nobody keeps it beyond its turn.
type row struct {
	op     *operation
	record string
	slots  []slot
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
	r := &row{op: op, slots: make([]slot, op.slots)}
	if r.top = r; within != nil {
		r.top = within.top
	}
	return r
}

// read reads a record.
func (r *row) read(record gjson.Result) *row {
	clear(r.slots)
	if r.record, r.whole = record.Raw, nil; r.top == r {
		r.trouble = nil
	}
	if record.IsObject() {
		r.op.tree.fill(record, r.slots)
	}
	return r
}

// through reads the records of a list, one by one. It is false when yield wants no more. Where a product has nothing it may say null.
func (r *row) through(list gjson.Result, yield func(*row) bool) bool {
	more := true
	list.ForEach(func(_, record gjson.Result) bool {
		more = record.Type == gjson.Null || yield(r.read(record))
		return more
	})
	return more
}

// rows are the records of replies. They are read as somebody goes through them, each into the row of the one before.
type rows struct {
	op *operation
	// lists are those of each reply: a list of records, or one record.
	lists []gjson.Result
}

// each goes through them.
func (rs rows) each() iter.Seq[*row] {
	return func(yield func(*row) bool) {
		r, more := rs.op.row(nil), true
		for i := 0; i < len(rs.lists) && more; i++ {
			switch l := rs.lists[i]; {
			case l.IsArray():
				more = r.through(l, yield)
			case l.Exists():
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
func (r *row) value(field string) gjson.Result {
	f := r.op.cell(field)
	if f == nil {
		return gjson.Result{}
	}
	var v gjson.Result
	if f.program == nil {
		v = r.slots[f.slot].result()
	} else {
		var err error
		if v, err = r.worked(f.program); err != nil {
			if r.top.trouble == nil {
				r.top.trouble = fault.Wrap(fault.BadResponse, err, "field %s cannot be worked out: mend the source's map", field)
			}
			return gjson.Result{}
		}
	}
	if f.values == nil {
		return v
	}
	mapped, ok := f.values[said(v)]
	if !ok || v.Type == gjson.Null {
		mapped = f.values["*"]
	}
	return gjson.Result{Type: gjson.String, Str: mapped}
}

// worked is what an expression makes of the row.
func (r *row) worked(program cel.Program) (gjson.Result, error) {
	if r.whole == nil {
		dec := json.NewDecoder(strings.NewReader(r.record))
		dec.UseNumber()
		if err := dec.Decode(&r.whole); err != nil {
			return gjson.Result{}, err
		}
	}
	out, _, err := program.Eval(map[string]any{"row": r.whole})
	if err != nil {
		return gjson.Result{}, err
	}
	if s, ok := out.Value().(string); ok {
		return gjson.Result{Type: gjson.String, Str: s}, nil
	}
	raw, err := json.Marshal(native(out))
	return gjson.ParseBytes(raw), err
}

// said is a value as a text: a number as it was written, an absent one as nothing.
func said(v gjson.Result) string {
	switch v.Type {
	case gjson.Null:
		return ""
	case gjson.String:
		return v.Str
	default:
		return v.Raw
	}
}

func (r *row) text(field string) string { return said(r.value(field)) }

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
	if !list.IsArray() {
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
func (op *operation) decode(body []byte) (list gjson.Result, next string, err error) {
	if len(body) == 0 {
		return list, "", nil
	}
	if !gjson.ValidBytes(body) {
		return list, "", errors.New("it is no JSON")
	}
	v := gjson.Parse(unsafe.String(unsafe.SliceData(body), len(body))) //nolint:gosec // nobody writes to a reply's body
	if op.next != nil {
		next = said(down(v, op.next))
	}
	if op.items == nil && !v.IsArray() {
		return v, next, nil
	}
	if list = down(v, op.items); !list.IsArray() {
		return list, "", fmt.Errorf("no list at %s", op.Items)
	}
	return list, next, nil
}

// down is what a path leads to.
func down(v gjson.Result, path []string) gjson.Result {
	for _, name := range path {
		v = v.Get(gjson.Escape(name))
	}
	return v
}
