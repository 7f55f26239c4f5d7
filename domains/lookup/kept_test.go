package lookup_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"crossdock/domains/lookup"
)

type priced struct {
	Amount     string
	Provenance lookup.Provenance
}

// shelf keeps copies in memory and counts what it was given.
type shelf struct {
	kept  map[string]priced
	saved int
}

func (s *shelf) Save(_ context.Context, values map[string]priced) error {
	s.saved += len(values)
	maps.Copy(s.kept, values)
	return nil
}

func (s *shelf) Kept(_ context.Context, keys []string) (map[string]priced, error) {
	out := map[string]priced{}
	for _, k := range keys {
		if v, ok := s.kept[k]; ok {
			out[k] = v
		}
	}
	return out, nil
}

// TestWhatHasNotChangedIsNotSavedAgain, and what has is at once.
func TestWhatHasNotChangedIsNotSavedAgain(t *testing.T) {
	t.Parallel()
	amounts, s := map[string]string{"A": "1", "B": "1"}, &shelf{kept: map[string]priced{}}
	c := lookup.Copy(s, func(_ context.Context, keys []string) (lookup.Answers[string, priced], error) {
		out := lookup.Empty[string, priced](len(keys))
		for _, k := range keys {
			out.Found[k] = priced{amounts[k], lookup.Provenance{AsOf: time.Now()}}
		}
		return out, nil
	}, func(p *priced) *lookup.Provenance { return &p.Provenance }, lookup.Ages{})
	for _, step := range []struct {
		b     string
		saved int
	}{{"1", 2}, {"1", 0}, {"2", 1}, {"2", 0}, {"1", 1}} {
		amounts["B"], s.saved = step.b, 0
		got, err := c.Answers(t.Context(), []string{"A", "B"})
		if err != nil || got.Found["B"].Amount != step.b || s.kept["B"].Amount != step.b || s.saved != step.saved {
			t.Errorf("at %s: %d saved, kept %v, answered %v, %v", step.b, s.saved, s.kept["B"], got.Found["B"], err)
		}
	}
}
