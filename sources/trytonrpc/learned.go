package trytonrpc

import "sync/atomic"

// Learned is what is asked for once and then known; an answer that fails is asked for again. Two who ask at the
// same time both ask, and one answer stays. The zero value knows nothing.
type Learned[T any] struct{ known atomic.Pointer[T] }

// Get returns what is known, or learns it.
func (l *Learned[T]) Get(learn func() (*T, error)) (*T, error) {
	if v := l.known.Load(); v != nil {
		return v, nil
	}
	v, err := learn()
	if err == nil {
		l.known.Store(v)
	}
	return v, err
}
