package lookup

import (
	"hash/maphash"
	"reflect"
	"time"
)

// fingerprint is a hash of all that a value holds but for when it was true, also where its type cannot be compared.
func fingerprint(h *maphash.Hash, v reflect.Value) uint64 {
	h.Reset()
	mix(h, v)
	return h.Sum64()
}

func freshHash(seed maphash.Seed) *maphash.Hash {
	h := new(maphash.Hash)
	h.SetSeed(seed)
	return h
}

func mix(h *maphash.Hash, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		maphash.WriteComparable(h, v.String())
	case reflect.Bool:
		maphash.WriteComparable(h, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		maphash.WriteComparable(h, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		maphash.WriteComparable(h, v.Uint())
	case reflect.Float32, reflect.Float64:
		maphash.WriteComparable(h, v.Float())
	case reflect.Struct:
		switch v.Type() {
		case reflect.TypeFor[time.Time]():
			mix(h, v.Field(0)) // the moment, without where it is told
			mix(h, v.Field(1))
			return
		case reflect.TypeFor[Provenance]():
			for i := range v.NumField() {
				if v.Type().Field(i).Name != "AsOf" {
					mix(h, v.Field(i))
				}
			}
			return
		}
		for i := range v.NumField() { //nolint:modernize // Fields allocates
			mix(h, v.Field(i))
		}
	case reflect.Array, reflect.Slice:
		maphash.WriteComparable(h, v.Len())
		for i := range v.Len() {
			mix(h, v.Index(i))
		}
	case reflect.Map:
		// In no order, so each entry by itself.
		var sum uint64
		for entries := v.MapRange(); entries.Next(); {
			own := freshHash(h.Seed())
			sum += fingerprint(own, entries.Key()) * (2*fingerprint(own, entries.Value()) + 1)
		}
		maphash.WriteComparable(h, sum)
	case reflect.Pointer, reflect.Interface:
		maphash.WriteComparable(h, v.IsNil())
		if !v.IsNil() {
			mix(h, v.Elem())
		}
	default:
		panic("lookup: a value holds a " + v.Kind().String())
	}
}
