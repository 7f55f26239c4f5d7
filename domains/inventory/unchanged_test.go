package inventory

import (
	"testing"
	"time"

	"crossdock/domains/lookup"
	"crossdock/domains/trade"
)

// TestAFigureIsAdoptedAgain after a minute where something of it is reserved, after five or a quarter of the time that stock may be
// promised from it where nothing is, and at once where the node says another one.
func TestAFigureIsAdoptedAgain(t *testing.T) {
	t.Parallel()
	k := Key{Node: "EAST", SKU: "A"}
	f := Figure{Key: k, Source: "wms", OnHand: trade.MustDecimal("5")}
	now := time.Now()
	for _, c := range []struct {
		name           string
		old, stale     time.Duration
		reserved, says string
		adopted        bool
	}{
		{"nothing is reserved", 4 * time.Minute, time.Hour, "0", "5", false},
		{"nothing is reserved, for long", 6 * time.Minute, time.Hour, "0", "5", true},
		{"nothing is reserved, and it is soon too old to promise from", 4 * time.Minute, 12 * time.Minute, "0", "5", true},
		{"something is reserved", 2 * time.Minute, time.Hour, "1", "5", true},
		{"something is reserved, a moment ago", 30 * time.Second, time.Hour, "1", "5", false},
		{"the node says another", time.Second, time.Hour, "0", "4", true},
	} {
		s := &Service{stale: c.stale}
		kept := &counted{Figure: f, Read: lookup.Window{Start: now.Add(-c.old), End: now.Add(-c.old)}, reserved: trade.MustDecimal(c.reserved)}
		said := f
		said.OnHand = trade.MustDecimal(c.says)
		if got := s.unchanged(t.Context(), []*counted{kept}, []lookup.Result[Figure]{{Value: said, OK: true}}, now)[0] == nil; got != c.adopted {
			t.Errorf("%s: adopted is %t", c.name, got)
		}
	}
}
