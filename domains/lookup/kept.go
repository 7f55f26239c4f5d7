package lookup

import (
	"context"
	"time"

	"crossdock/domains/fault"
)

// Keeper keeps copies of what a source last said.
type Keeper[K comparable, V any] interface {
	Save(ctx context.Context, values map[K]V) error
	// Kept returns the copies at hand, with the time they were true.
	Kept(ctx context.Context, keys []K) (map[K]V, error)
}

// Through answers from the copies at hand when all are young enough for the caller; else it asks
// the source and keeps what it says. Of keys that the source fails to answer it gives what was
// last known, and says so. provenance points to a value's own.
func Through[K comparable, V any](ctx context.Context, keeper Keeper[K, V], ask func(context.Context, []K) (Answers[K, V], error), provenance func(*V) *Provenance, keys []K) (Answers[K, V], error) {
	if age, ok := MaxAge(ctx); ok && age > 0 {
		kept, err := keeper.Kept(ctx, keys)
		if err == nil && allYounger(kept, keys, provenance, time.Now().Add(-age)) {
			return Answers[K, V]{Found: kept, Failed: map[K]error{}}, nil
		}
	}
	answers, err := ask(ctx, keys)
	if err != nil {
		return answers, err
	}
	if len(answers.Found) > 0 {
		if err := keeper.Save(ctx, answers.Found); err != nil {
			return answers, err
		}
	}
	var failed []K
	for k, err := range answers.Failed {
		if fault.Retryable(err) {
			failed = append(failed, k)
		}
	}
	if len(failed) == 0 {
		return answers, nil
	}
	kept, err := keeper.Kept(ctx, failed)
	if err != nil {
		return answers, err
	}
	for k, v := range kept {
		provenance(&v).Freshness = LastKnown
		answers.Found[k] = v
		delete(answers.Failed, k)
	}
	return answers, nil
}

func allYounger[K comparable, V any](kept map[K]V, keys []K, provenance func(*V) *Provenance, than time.Time) bool {
	for _, k := range keys {
		if v, ok := kept[k]; !ok || provenance(&v).AsOf.Before(than) {
			return false
		}
	}
	return true
}
