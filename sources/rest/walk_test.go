package rest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzWalk: what a reply is walked for is what encoding/json finds in it, and what is no JSON is refused.
func FuzzWalk(f *testing.F) {
	for _, reply := range []string{
		`{"a":{"b":[{"c":1,"d":"x\"\\\u00e9"},null],"c":[]},"d":1.50e+2}`, ` { "a" : { "b" : "\ud83d\ude00 }]" , "c" : true } , "\u0064" : null } `,
		`[["a","b"],{"a":[1,{"b":{}}]},-0.1]`, `"a"`, "null", "12 ", "", "{", `{"a":[1,2}`, "[1,]", `{"a":"b\"}`, "[[[[[[[[]]]]]]]]", `{"a":{"b":{"a":{"b":{"c":{"d":"e"}}}}}}`,
	} {
		f.Add([]byte(reply))
	}
	paths := [][]string{{"a"}, {"a", "b"}, {"a", "c"}, {"d"}, {"a", "b", "0"}, {"a", "b", "0", "d"}, {"0", "1"}, {"1", "a", "1", "b"}, {"a", "b", "a", "b", "c", "d"}}
	f.Fuzz(func(t *testing.T, reply []byte) {
		got, err := parse(reply)
		if len(reply) == 0 {
			if got != (value{}) || err != nil {
				t.Errorf("nothing is read as %v, %v", got, err)
			}
			return
		}
		if err != nil {
			if jsontext.Value(reply).IsValid() {
				t.Errorf("%q: %v", reply, err)
			}
			return
		}
		if !json.Valid(reply) {
			t.Errorf("%q is no JSON, and is read as %v", reply, got)
		}
		tree, found := &branch{}, make([]value, len(paths))
		for slot, path := range paths {
			tree.grow(path, slot)
		}
		tree.fill(got, found)
		var records []value
		op := &operation{tree: tree, slots: len(paths)}
		for r := range (rows{op, []value{got}}).each() {
			if one := op.row(nil).read(r.record); !slices.Equal(one.slots, r.slots) {
				t.Errorf("%q holds %v in a list, and %v by itself", r.record.text, r.slots, one.slots)
			}
			records = append(records, r.record)
		}
		dec := json.NewDecoder(bytes.NewReader(reply))
		dec.UseNumber()
		var whole any
		if !jsontext.Value(reply).IsValid() || dec.Decode(&whole) != nil {
			return // with names twice or broken characters: which of them is found is nobody's promise
		}
		for slot, path := range paths {
			if found, want := found[slot], below(whole, path); found != got.find(path) || !same(t, found, want) {
				t.Errorf("%q at %v holds %v, and %v when nothing else is asked for, not %v", reply, path, found, got.find(path), want)
			}
		}
		if !same(t, got, &whole) {
			t.Errorf("%q is read as %v, not %v", reply, got, whole)
		}
		list, ok := whole.([]any)
		if !ok {
			list = []any{whole}
		} else {
			list = slices.DeleteFunc(list, func(record any) bool { return record == nil })
		}
		if !slices.EqualFunc(records, list, func(r value, want any) bool { return same(t, r, &want) }) {
			t.Errorf("%q has the records %v, not %v", reply, records, list)
		}
	})
}

// below is what a path leads to, nil where that is nothing.
func below(v any, path []string) *any {
	for _, name := range path {
		switch holder := v.(type) {
		case map[string]any:
			in, ok := holder[name]
			if !ok {
				return nil
			}
			v = in
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n >= len(holder) {
				return nil
			}
			v = holder[n]
		default:
			return nil
		}
	}
	return &v
}

// same reports whether a value is the one wanted.
func same(t *testing.T, got value, want *any) bool {
	t.Helper()
	if want == nil {
		return got == value{}
	}
	switch want := (*want).(type) {
	case nil:
		return got == value{kind: 'n'}
	case string:
		return got == value{'"', want}
	case json.Number:
		return got.text == want.String()
	case bool:
		return got.text == strconv.FormatBool(want)
	default:
		var in any
		dec := json.NewDecoder(strings.NewReader(got.text))
		dec.UseNumber()
		if err := dec.Decode(&in); err != nil {
			t.Errorf("%q: %v", got.text, err)
		}
		one, _ := json.Marshal(in)
		two, _ := json.Marshal(want)
		return bytes.Equal(one, two)
	}
}
