package references

import (
	"context"
	"sync"
	"time"

	"crossdock/domains/trade"
)

// Names translates between our names of one kind and a source's. A name that nobody has mapped is the same on both
// sides.
type Names struct {
	// to has the names of each thing, the one that was said last at the end.
	to   map[string][]string
	from map[string]string
}

// Ours is what we call what the source calls so.
func (n Names) Ours(theirs string) string {
	if ours, ok := n.from[theirs]; ok {
		return ours
	}
	return theirs
}

// Theirs is what the source calls what we call so, by the name that was said last.
func (n Names) Theirs(ours string) string {
	if all := n.to[ours]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ours
}

// All are the names that the source has for what we call so, at least one.
func (n Names) All(ours string) []string {
	if all := n.to[ours]; len(all) > 0 {
		return all
	}
	return []string{ours}
}

// OurItem is the item that the source calls so.
func (n Names) OurItem(theirs trade.SKU) trade.SKU { return trade.SKU(n.Ours(string(theirs))) }

// TheirItem is what the source calls our item.
func (n Names) TheirItem(ours trade.SKU) trade.SKU { return trade.SKU(n.Theirs(string(ours))) }

// Mapped is what we call what the source calls so, if somebody has said.
func (n Names) Mapped(theirs string) (string, bool) {
	ours, ok := n.from[theirs]
	return ours, ok
}

// Same reports whether every name is the same on both sides.
func (n Names) Same() bool { return len(n.from) == 0 }

// renew is how long another process may not hear of a change.
const renew = 5 * time.Second

type scope struct {
	kind   Kind
	source string
}

type mapping struct {
	names Names
	read  time.Time
}

// names are mappings at hand.
type names struct {
	mu   sync.Mutex
	kept map[scope]*mapping
}

func (n *names) forget(kind Kind, source string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.kept, scope{kind, source})
}

// Of returns the names that a source has for a kind of our things. What another process has set is in them some
// seconds later.
func (s *Service) Of(ctx context.Context, kind Kind, source string) (Names, error) {
	at := scope{kind, source}
	s.names.mu.Lock()
	m := s.names.kept[at]
	s.names.mu.Unlock()
	if m != nil && time.Since(m.read) < renew {
		return m.names, nil
	}
	read := time.Now()
	got, err := s.store.names(ctx, kind, source)
	if err != nil {
		return Names{}, err
	}
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	s.names.kept[at] = &mapping{got, read}
	return got, nil
}
