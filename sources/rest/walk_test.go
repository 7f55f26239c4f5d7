package rest

import (
	"bytes"
	"encoding/json"
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
		if valid := jsontext.Value(reply).IsValid(); !valid {
			if err == nil && !json.Valid(reply) {
				t.Errorf("%q is no JSON, and is read as %v", reply, got)
			}
			return // or names twice, or has broken characters: which of them is found is nobody's promise
		}
		if err != nil {
			t.Fatalf("%q: %v", reply, err)
		}
		dec := json.NewDecoder(bytes.NewReader(reply))
		dec.UseNumber()
		var whole any
		if err := dec.Decode(&whole); err != nil {
			t.Skip(err) // such as a number that only the library takes
		}
		tree, found := &branch{}, make([]value, len(paths))
		for slot, path := range paths {
			tree.grow(path, slot)
		}
		tree.fill(got, found)
		for slot, path := range paths {
			found, want := found[slot], below(whole, path)
			if found != got.find(path) {
				t.Errorf("%q at %v holds %v, and %v when nothing else is asked for", reply, path, found, got.find(path))
			}
			if !same(t, found, want) {
				t.Errorf("%q at %v holds %v, not %v", reply, path, found, want)
			}
		}
		if !same(t, got, &whole) {
			t.Errorf("%q is read as %v, not %v", reply, got, whole)
		}
		if list, ok := whole.([]any); ok {
			rows := (&operation{tree: &branch{}}).row(nil)
			n := 0
			rows.through(got, func(r *row) bool {
				for n < len(list) && list[n] == nil {
					n++
				}
				if n == len(list) || !same(t, r.record, &list[n]) {
					t.Errorf("%q has %v at %d", reply, r.record, n)
				}
				n++
				return true
			})
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
