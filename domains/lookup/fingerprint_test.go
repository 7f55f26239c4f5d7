package lookup

import (
	"hash/maphash"
	"reflect"
	"testing"
	"time"

	"crossdock/domains/trade"
)

// TestFingerprintsTellValuesApart: a value has the fingerprint of its copy, and no other than by chance.
func TestFingerprintsTellValuesApart(t *testing.T) {
	t.Parallel()
	type inner struct {
		list []trade.Decimal
		m    map[string]int
	}
	type value struct {
		name string
		n    int
		ok   bool
		at   time.Time
		in   *inner
		any  any
	}
	at := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	of := func(change func(*value)) value {
		v := value{"a", 1, true, at, &inner{[]trade.Decimal{trade.MustDecimal("1"), trade.MustDecimal("2")}, map[string]int{"x": 1, "y": 2, "z": 3}}, "b"}
		change(&v)
		return v
	}
	h := freshHash(maphash.MakeSeed())
	seen := map[uint64]int{}
	for i, change := range []func(*value){
		func(*value) {}, func(v *value) { v.name = "b" }, func(v *value) { v.n = 2 }, func(v *value) { v.ok = false }, func(v *value) { v.at = at.Add(1) },
		func(v *value) { v.in.list[1] = trade.MustDecimal("3") }, func(v *value) { v.in.list = v.in.list[:1] }, func(v *value) { v.in.list[0], v.in.list[1] = v.in.list[1], v.in.list[0] },
		func(v *value) { v.in.m["x"] = 2 }, func(v *value) { v.in.m["x"], v.in.m["y"] = 2, 1 }, func(v *value) { delete(v.in.m, "x") },
		func(v *value) { v.in = nil }, func(v *value) { v.any = "c" }, func(v *value) { v.any = nil },
	} {
		one, two := of(change), of(change)
		got := fingerprint(h, reflect.ValueOf(one))
		if got != fingerprint(h, reflect.ValueOf(two)) {
			t.Errorf("change %d: a copy has another fingerprint", i)
		}
		if before, ok := seen[got]; ok {
			t.Errorf("changes %d and %d have one fingerprint", before, i)
		}
		seen[got] = i
	}
}

// TestWhenItWasTrueIsNoPartOfAValue, and where it comes from is.
func TestWhenItWasTrueIsNoPartOfAValue(t *testing.T) {
	t.Parallel()
	type value struct {
		name string
		from Provenance
	}
	h, at := freshHash(maphash.MakeSeed()), time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	of := func(p Provenance) uint64 { return fingerprint(h, reflect.ValueOf(&value{"a", p})) }
	was := of(Provenance{"erp", at, Live})
	if later := of(Provenance{"erp", at.Add(time.Second), Live}); later != was {
		t.Error("the same value is another one a second later")
	}
	if of(Provenance{"wms", at, Live}) == was || of(Provenance{"erp", at, Cached}) == was {
		t.Error("where a value comes from makes no difference")
	}
}
