package rest

import (
	"errors"
	"strconv"
	"strings"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// Whether a reply is JSON is what the library says. After that it is walked along what is asked of it: of the rest only the ends are
// looked for, and nothing is built of it.

// value is a value of a reply.
type value struct {
	// kind is what it begins with, such as '"' of a text, '{' of an object or 'n' of null; 0 where there is none.
	kind byte
	// text is what a text says, nothing for null, and anything else as it was written.
	text string
}

// parse is a reply, whole.
func parse(body []byte) (value, error) {
	if len(body) == 0 {
		return value{}, nil
	}
	if !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return value{}, errors.New("it is no JSON")
	}
	w := walk{raw: strings.Trim(unsafe.String(unsafe.SliceData(body), len(body)), space)} //nolint:gosec // nobody writes to a reply's body
	if whole := (value{w.raw[0], w.raw}); whole.holds() {
		return whole, nil
	}
	return w.value(), nil
}

func (v value) absent() bool { return v.kind == 0 || v.kind == 'n' }

// holds reports whether it is an object or a list.
func (v value) holds() bool { return v.kind == '{' || v.kind == '[' }

// branch is a place in a value, by the name that leads there: the slots of what is there, and the places below.
type branch struct {
	name  string
	slots []int
	below []*branch
}

// grow makes the way to a place that is read into the slot.
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

// find is what a path leads to.
func (v value) find(path []string) value {
	if len(path) == 0 {
		return v
	}
	var tree branch
	tree.grow(path, 0)
	found := []value{{}}
	tree.fill(v, found)
	return found[0]
}

// fill reads what is below into its slots.
func (b *branch) fill(v value, slots []value) {
	if v.holds() {
		b.walk(&walk{raw: v.text}, slots)
	}
}

// walk goes through an object, or through a list, whose values are called by their places.
func (b *branch) walk(w *walk, slots []value) {
	named, end := w.open()
	for n := 0; w.more(end); n++ {
		name := ""
		if named {
			name = w.value().text
		} else {
			name = strconv.Itoa(n)
		}
		w.next()
		next := b.to(name)
		if next == nil {
			w.skip()
			continue
		}
		v := next.value(w, slots)
		for _, i := range next.slots {
			slots[i] = v
		}
	}
}

// value goes beyond a value, and reads what is below into its slots.
func (b *branch) value(w *walk, slots []value) value {
	v, from := value{kind: w.raw[w.at]}, w.at
	if len(b.below) == 0 || !v.holds() {
		return w.value()
	}
	b.walk(w, slots)
	v.text = w.raw[from:w.at]
	return v
}

// walk is the way through JSON that is known to be valid.
type walk struct {
	raw string
	at  int
}

const space = " \t\r\n"

// open goes into an object, where values have names, or into a list, and says what ends it.
func (w *walk) open() (named bool, end byte) {
	w.at++
	if w.raw[w.at-1] == '{' {
		return true, '}'
	}
	return false, ']'
}

// next goes to what comes next.
func (w *walk) next() byte {
	for ; ; w.at++ {
		switch c := w.raw[w.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return c
		}
	}
}

// more goes to what comes next. When that is the end it goes beyond, and is false.
func (w *walk) more(end byte) bool {
	if w.next() != end {
		return true
	}
	w.at++
	return false
}

// value goes beyond a value.
func (w *walk) value() value {
	kind, from := w.raw[w.at], w.at
	switch kind {
	case '"':
		escaped := w.skipText()
		if said := w.raw[from+1 : w.at-1]; !escaped {
			return value{kind, said}
		}
		said, _ := jsontext.AppendUnquote(nil, w.raw[from:w.at]) // characters that are broken are replaced
		return value{kind, string(said)}
	case 'n':
		w.skipWord()
		return value{kind: kind}
	default:
		w.skip()
		return value{kind, w.raw[from:w.at]}
	}
}

// skip goes beyond a value.
func (w *walk) skip() {
	for depth := 0; ; {
		switch w.next() {
		case '"':
			w.skipText()
		case '{', '[':
			depth++
			w.at++
		case '}', ']':
			depth--
			w.at++
		default:
			w.skipWord()
		}
		if depth == 0 {
			return
		}
	}
}

// skipText goes beyond a text, and says whether it has escapes.
func (w *walk) skipText() (escaped bool) {
	for w.at++; w.raw[w.at] != '"'; w.at++ {
		if w.raw[w.at] == '\\' {
			escaped = true
			w.at++
		}
	}
	w.at++
	return escaped
}

// skipWord goes beyond a number, true, false or null.
func (w *walk) skipWord() {
	for ; w.at < len(w.raw); w.at++ {
		switch w.raw[w.at] {
		case ' ', '\t', '\r', '\n', ',', '}', ']':
			return
		}
	}
}
