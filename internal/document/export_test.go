package document

import "reflect"

// Short reports whether a document is read without the library's reading all of it.
func Short(raw []byte, into any) bool {
	v := reflect.ValueOf(into).Elem()
	r := reader{raw: raw}
	return shapeOf(v.Type())(&r, v) && r.ended()
}

// Library reads a document as the library does.
func Library(raw []byte, into any) error { return library(raw, into) }
