package lookup

import (
	"hash/maphash"
	"reflect"
	"time"
)

// fingerprint is a hash of all that a value holds, also where its type cannot be compared.
func fingerprint(seed maphash.Seed, v reflect.Value) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	mix(&h, v)
	return h.Sum64()
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
		if v.Type() == reflect.TypeFor[time.Time]() {
			mix(h, v.Field(0)) // the moment, without where it is told
			mix(h, v.Field(1))
			return
		}
		for _, f := range v.Fields() {
			mix(h, f)
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
			sum += fingerprint(h.Seed(), entries.Key()) * (2*fingerprint(h.Seed(), entries.Value()) + 1)
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
