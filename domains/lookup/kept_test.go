package lookup_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"crossdock/domains/fault"
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
	c := lookup.Copy(s, lookup.Ordered(func(_ context.Context, keys []string) (lookup.Answers[string, priced], error) {
		out := lookup.Empty[string, priced](len(keys))
		for _, k := range keys {
			out.Found[k] = priced{amounts[k], lookup.Provenance{AsOf: time.Now()}}
		}
		return out, nil
	}), func(p *priced) *lookup.Provenance { return &p.Provenance }, lookup.Ages{Known: time.Hour})
	for _, step := range []struct {
		b     string
		saved int
	}{{"1", 2}, {"1", 0}, {"2", 1}, {"2", 0}, {"1", 1}} {
		amounts["B"], s.saved = step.b, 0
		got, err := c.Answers(t.Context(), []string{"A", "B"})
		if err != nil || got[1].Value.Amount != step.b || s.kept["B"].Amount != step.b || s.saved != step.saved {
			t.Errorf("at %s: %d saved, kept %v, answered %v, %v", step.b, s.saved, s.kept["B"], got[1], err)
		}
	}
}

// TestWhatIsLastKnownIsShownUpToAnAge, and not kept where it never is.
func TestWhatIsLastKnownIsShownUpToAnAge(t *testing.T) {
	t.Parallel()
	down := fault.New(fault.Unavailable, "down")
	for _, c := range []struct {
		ages  lookup.Ages
		saved int
		shown string
	}{
		{lookup.Ages{Known: time.Hour}, 2, "young"},
		{lookup.Ages{Known: 3 * time.Hour}, 2, "old young"},
		{lookup.Ages{Fresh: time.Nanosecond}, 2, ""},
		{lookup.Ages{}, 0, ""},
	} {
		s, answers := &shelf{kept: map[string]priced{}}, true
		copied := lookup.Copy(s, lookup.Ordered(func(_ context.Context, keys []string) (lookup.Answers[string, priced], error) {
			if !answers {
				return lookup.AllFailed[string, priced](keys, down), nil
			}
			out := lookup.Empty[string, priced](len(keys))
			for _, k := range keys {
				out.Found[k] = priced{k, lookup.Provenance{AsOf: time.Now().Add(map[string]time.Duration{"old": -2 * time.Hour}[k])}}
			}
			return out, nil
		}), func(p *priced) *lookup.Provenance { return &p.Provenance }, c.ages)
		if _, err := copied.Answers(t.Context(), []string{"old", "young"}); err != nil || s.saved != c.saved {
			t.Errorf("%+v: %d saved, want %d, %v", c.ages, s.saved, c.saved, err)
		}
		answers = false
		keys := []string{"old", "young"}
		results, err := copied.Answers(t.Context(), keys)
		if err != nil {
			t.Fatal(err)
		}
		got := lookup.ByKey(keys, results)
		var shown []string
		for _, k := range slices.Sorted(maps.Keys(got.Found)) {
			if got.Found[k].Provenance.Freshness == lookup.LastKnown {
				shown = append(shown, k)
			}
		}
		if strings.Join(shown, " ") != c.shown || len(got.Found)+len(got.Failed) != 2 {
			t.Errorf("%+v: %v are shown, want %s; the rest is %v", c.ages, shown, c.shown, got.Failed)
		}
	}
}

// TestOnlyWhatIsTooOldIsAskedFor, each answer is in its key's place, and what fails is shown as it was last known.
func TestOnlyWhatIsTooOldIsAskedFor(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := &shelf{kept: map[string]priced{"young": {"kept", lookup.Provenance{AsOf: now}}, "old": {"kept", lookup.Provenance{AsOf: now.Add(-time.Hour)}}, "lost": {"kept", lookup.Provenance{AsOf: now.Add(-time.Hour)}}}}
	var asked []string
	c := lookup.Copy(s, func(_ context.Context, keys []string) ([]lookup.Result[priced], error) {
		asked = slices.Clone(keys)
		out := make([]lookup.Result[priced], len(keys))
		for i, k := range keys {
			switch k {
			case "lost", "gone":
				out[i].Err = fault.New(fault.Unavailable, "down")
			case "none":
			default:
				out[i] = lookup.Result[priced]{Value: priced{"asked", lookup.Provenance{AsOf: now}}, OK: true}
			}
		}
		return out, nil
	}, func(p *priced) *lookup.Provenance { return &p.Provenance }, lookup.Ages{Fresh: time.Minute, Known: 2 * time.Hour})
	keys := []string{"none", "young", "old", "lost", "young", "gone", "old"}
	got, err := c.Answers(t.Context(), keys)
	if err != nil || !slices.Equal(asked, []string{"none", "old", "lost", "gone"}) {
		t.Fatalf("asked for are %v, %v", asked, err)
	}
	for i, want := range []string{"", "kept", "asked", "kept " + string(lookup.LastKnown), "kept", "down", "asked"} {
		is := strings.TrimSpace(got[i].Value.Amount + " " + string(got[i].Value.Provenance.Freshness))
		if got[i].Err != nil {
			is = got[i].Err.Error()
		}
		if is != want || got[i].OK != (want != "" && want != "down") {
			t.Errorf("%s is %+v, not %q", keys[i], got[i], want)
		}
	}
}

// TestOnlyThoseAreAskedAbout that are accepted, and the others do not exist.
func TestOnlyThoseAreAskedAbout(t *testing.T) {
	t.Parallel()
	ask := func(_ context.Context, keys []string) ([]lookup.Result[string], error) {
		out := make([]lookup.Result[string], len(keys))
		for i, k := range keys {
			out[i] = lookup.Result[string]{Value: k, OK: true}
		}
		return out, nil
	}
	for _, keys := range [][]string{{"a", "b", "c"}, {"B", "a", "C", "b", "a"}, {"B"}, {}} {
		got, err := lookup.Where(t.Context(), keys, func(k string) bool { return strings.ToLower(k) == k }, ask)
		if err != nil || len(got) != len(keys) {
			t.Fatalf("%v is answered %v, %v", keys, got, err)
		}
		for i, k := range keys {
			if mine := strings.ToLower(k) == k; got[i].OK != mine || mine && got[i].Value != k {
				t.Errorf("%s is answered %+v", k, got[i])
			}
		}
	}
}
