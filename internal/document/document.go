// Package document reads what Crossdock keeps as JSON: documents that it wrote itself, of types that it knows.
//
// Such a document has the members of its type, mostly one after the other, and few texts with escapes. It is read along its type, without
// tokens and without a look into a map for each name. A value that is not as expected is read by the JSON library, and where it
// is not clear what is, so is the whole document: this is a shorter way, and the library says what is right.
package document

import (
	"bytes"
	"encoding"
	stdjson "encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads a document into a value that is empty but for room in its lists. Names are as they were written. Repeated names and broken
// characters are not looked for: what we wrote has none, in a database that takes UTF-8 only.
func Decode(raw []byte, into any) error {
	v := reflect.ValueOf(into).Elem()
	r := reader{raw: raw}
	if shapeOf(v.Type())(&r, v) && r.ended() {
		return nil
	}
	v.SetZero()
	return library(raw, into)
}

func library(raw []byte, into any) error {
	return json.Unmarshal(raw, into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// shape reads a value of a type. It is false where the document is to be read by the library.
type shape func(r *reader, into reflect.Value) bool

var shapes sync.Map //nolint:gochecknoglobals // what types look like does not change

func shapeOf(t reflect.Type) shape {
	known, ok := shapes.Load(t)
	if !ok {
		known, _ = shapes.LoadOrStore(t, newShape(t))
	}
	return known.(shape) //nolint:forcetypeassert // nothing else is in there
}

// newShape makes the shape of a type, which may be within others.
func newShape(t reflect.Type, within ...reflect.Type) shape {
	p := reflect.PointerTo(t)
	switch {
	case t == reflect.TypeFor[time.Time]():
		return spelled
	case t == reflect.TypeFor[time.Duration](), p.Implements(reflect.TypeFor[json.UnmarshalerFrom]()), slices.Contains(within, t):
		return other
	case p.Implements(reflect.TypeFor[stdjson.Unmarshaler]()):
		return spelled
	case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return other
	}
	within = append(within, t)
	switch t.Kind() {
	case reflect.String:
		return text
	case reflect.Bool:
		return truth
	case reflect.Int, reflect.Int64:
		return integer
	case reflect.Pointer:
		return pointer(newShape(t.Elem(), within...))
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return list(newShape(t.Elem(), within...))
		}
	case reflect.Struct:
		return structure(t, within)
	default:
	}
	return other
}

// other has the library read a value.
func other(r *reader, into reflect.Value) bool {
	return library(r.value(), into.Addr().Interface()) == nil
}

// spelled reads what is a text in a document, and reads that itself: a decimal, a time.
func spelled(r *reader, into reflect.Value) bool {
	if r.next() != '"' {
		return other(r, into)
	}
	from := r.at
	_, ok := r.content()
	return ok && into.Addr().Interface().(stdjson.Unmarshaler).UnmarshalJSON(r.raw[from:r.at]) == nil //nolint:forcetypeassert // its shape says so
}

func text(r *reader, into reflect.Value) bool {
	from := r.at
	c, ok := r.content()
	if !ok {
		r.at = from
		return other(r, into)
	}
	into.SetString(r.keep(c))
	return true
}

func truth(r *reader, into reflect.Value) bool {
	yes := r.word("true")
	into.SetBool(yes)
	return yes || r.word("false")
}

func integer(r *reader, into reflect.Value) bool {
	negative := r.take('-')
	from, n := r.at, int64(0)
	for ; r.at < len(r.raw) && '0' <= r.raw[r.at] && r.raw[r.at] <= '9'; r.at++ {
		n = n*10 + int64(r.raw[r.at]-'0')
	}
	if negative {
		n = -n
	}
	into.SetInt(n)
	digits := r.raw[from:r.at]
	whole := r.at < len(r.raw) && strings.IndexByte(".eE", r.raw[r.at]) < 0
	return whole && len(digits) > 0 && len(digits) <= 18 && (digits[0] != '0' || len(digits) == 1)
}

func pointer(to shape) shape {
	return func(r *reader, into reflect.Value) bool {
		if r.word("null") {
			into.SetZero()
			return true
		}
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		return to(r, into.Elem())
	}
}

func list(of shape) shape {
	return func(r *reader, into reflect.Value) bool {
		if r.word("null") {
			into.SetZero()
			return true
		}
		if !r.take('[') {
			return false
		}
		if into.SetLen(0); r.take(']') {
			if into.IsNil() {
				into.Set(reflect.MakeSlice(into.Type(), 0, 0))
			}
			return true
		}
		for n := 0; ; n++ {
			if n == into.Cap() {
				into.Grow(1)
			}
			into.SetLen(n + 1)
			element := into.Index(n)
			element.SetZero()
			if !of(r, element) {
				return false
			}
			if !r.take(',') {
				return r.take(']')
			}
		}
	}
}

// member is a member of a structure. Its name is in quotes.
type member struct {
	name  string
	field int
	shape shape
}

func structure(t reflect.Type, within []reflect.Type) shape {
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous, options != "" && options != "omitempty" && options != "omitzero":
			return other
		case !f.IsExported(), name == "-":
			continue
		case name == "":
			name = f.Name
		}
		members = append(members, member{`"` + name + `"`, i, newShape(f.Type, within...)})
	}
	return func(r *reader, into reflect.Value) bool {
		if !r.take('{') {
			return false
		}
		for at := -1; at >= 0 || !r.take('}'); {
			if at = r.name(members, at+1); at < 0 || !r.take(':') || !members[at].shape(r, into.Field(members[at].field)) {
				return false
			}
			if !r.take(',') {
				return r.take('}')
			}
		}
		return true
	}
}

// reader is a document, and how far it has been read.
type reader struct {
	raw []byte
	at  int
	// texts is where the document's texts are, one after the other: nobody writes there again.
	texts []byte
}

// next is what comes next that is no space, 0 at the end.
func (r *reader) next() byte {
	for ; r.at < len(r.raw); r.at++ {
		if c := r.raw[r.at]; c > ' ' || strings.IndexByte(" \t\r\n", c) < 0 {
			return c
		}
	}
	return 0
}

func (r *reader) ended() bool { return r.next() == 0 && r.at == len(r.raw) }

// take goes beyond a character if it comes next.
func (r *reader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

// word goes beyond a word if it comes next.
func (r *reader) word(w string) bool {
	if r.next() != w[0] || !bytes.HasPrefix(r.raw[r.at:], []byte(w)) {
		return false
	}
	r.at += len(w)
	return true
}

// name goes beyond a name and is which of the members it is, -1 if it is none. It is most likely one of the next.
func (r *reader) name(members []member, next int) int {
	r.next()
	rest := r.raw[r.at:]
	for n := range members {
		at := next + n
		if at >= len(members) {
			at -= len(members)
		}
		if name := members[at].name; len(rest) >= len(name) && string(rest[:len(name)]) == name {
			r.at += len(name)
			return at
		}
	}
	return -1
}

// content goes beyond a text and is what is in it. It is false for one with escapes.
func (r *reader) content() ([]byte, bool) {
	if !r.take('"') {
		return nil, false
	}
	from, ascii := r.at, true
	for ; r.at < len(r.raw); r.at++ {
		switch c := r.raw[r.at]; {
		case c == '"':
			in := r.raw[from:r.at]
			r.at++
			return in, ascii || utf8.Valid(in)
		case c == '\\', c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// value goes beyond a value, whatever it is.
func (r *reader) value() []byte {
	from, depth, quoted := r.at, 0, false
	for ; r.at < len(r.raw); r.at++ {
		switch c := r.raw[r.at]; {
		case quoted && c == '\\':
			r.at++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			depth++
		case depth > 0 && (c == '}' || c == ']'):
			depth--
		case depth == 0 && (c == ',' || c == '}' || c == ']'):
			return r.raw[from:r.at]
		}
	}
	r.at = len(r.raw)
	return r.raw[from:]
}

// keep is a text that outlives the document's bytes.
func (r *reader) keep(c []byte) string {
	if len(c) == 0 {
		return ""
	}
	if cap(r.texts)-len(r.texts) < len(c) {
		r.texts = make([]byte, 0, max(len(c), min(len(r.raw)/4, 512)))
	}
	from := len(r.texts)
	r.texts = append(r.texts, c...)
	return unsafe.String(&r.texts[from], len(c)) //nolint:gosec // nobody writes there again
}
