package zoo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"crossdock/graph/breadth"
)

// Zoo resolves everything.
type Zoo struct{}

// New returns the schema as gqlgen executes it, and breadth first.
func New(o breadth.Options) (depth, plans graphql.ExecutableSchema) {
	cfg := Config{Resolvers: Zoo{}, Directives: DirectiveRoot{Guard: func(_ context.Context, _ any, _ graphql.Resolver, role string) (any, error) {
		return nil, errors.New("only for a " + role)
	}}}
	return NewExecutableSchema(cfg), NewBreadthSchema(cfg, o)
}

type (
	lions    struct{}
	parrots  struct{}
	keepers  struct{}
	cages    struct{}
	queries  struct{}
	changes  struct{}
	watching struct{}
)

// Lion implements ResolverRoot.
func (Zoo) Lion() LionResolver { return lions{} }

// Parrot implements ResolverRoot.
func (Zoo) Parrot() ParrotResolver { return parrots{} }

// Keeper implements ResolverRoot.
func (Zoo) Keeper() KeeperResolver { return keepers{} }

// Cage implements ResolverRoot.
func (Zoo) Cage() CageResolver { return cages{} }

// Query implements ResolverRoot.
func (Zoo) Query() QueryResolver { return queries{} }

// Mutation implements ResolverRoot.
func (Zoo) Mutation() MutationResolver { return changes{} }

// Subscription implements ResolverRoot.
func (Zoo) Subscription() SubscriptionResolver { return watching{} }

// each answers a batch: by its own error for some, and none for all when the first of them is unlucky.
func each[T any](ids []string, question string, of func(id string) T) ([]T, error) {
	out, errs, failed := make([]T, len(ids)), make(graphql.BatchErrorList, len(ids)), false
	for i, id := range ids {
		switch {
		case id == "": // gqlgen asks for what is not there
		case chance(id, question+" fails", 9):
			errs[i], failed = fmt.Errorf("%s of %s is not to be had", question, id), true
		default:
			out[i] = of(id)
		}
	}
	if failed {
		return out, errs
	}
	return out, nil
}

func ids[T any](objs []*T, id func(*T) string) []string {
	out := make([]string, len(objs))
	for i, o := range objs {
		if o != nil {
			out[i] = id(o)
		}
	}
	return out
}

func lionIDs(objs []*Lion) []string     { return ids(objs, func(l *Lion) string { return l.ID }) }
func parrotIDs(objs []*Parrot) []string { return ids(objs, func(p *Parrot) string { return p.ID }) }
func cageIDs(objs []*Cage) []string {
	return ids(objs, func(c *Cage) string { return "c" + strconv.Itoa(c.Number) })
}

func herd(id string, n int) []Animal {
	out := []Animal{}
	for i := range n {
		if child := fmt.Sprint(id, ".", i); chance(child, "missing", 12) {
			out = append(out, nil)
		} else {
			out = append(out, animal(child))
		}
	}
	return out
}

func keepersOf(objs []string, shift *int) ([]*Keeper, error) {
	return each(objs, "keeper", func(id string) *Keeper { return keeper(fmt.Sprint("k", id, *shift)) })
}

func friends(objs []string, first *int) ([][]Animal, error) {
	n := 2
	if first != nil {
		n = min(*first, 3)
	}
	return each(objs, "friends", func(id string) []Animal { return herd(id+"f", n) })
}

func (lions) Keeper(_ context.Context, objs []*Lion, shift *int, _ *time.Time) ([]*Keeper, error) {
	return keepersOf(lionIDs(objs), shift)
}

func (parrots) Keeper(_ context.Context, objs []*Parrot, shift *int, _ *time.Time) ([]*Keeper, error) {
	return keepersOf(parrotIDs(objs), shift)
}

func (lions) Friends(_ context.Context, objs []*Lion, first *int) ([][]Animal, error) {
	return friends(lionIDs(objs), first)
}

func (parrots) Friends(_ context.Context, objs []*Parrot, first *int) ([][]Animal, error) {
	return friends(parrotIDs(objs), first)
}

func mate(id string) (Animal, error) {
	switch {
	case chance(id, "single", 3):
		return nil, nil //nolint:nilnil // none
	case chance(id, "shy", 5):
		return nil, errors.New(id + " does not say")
	case chance(id, "wild", 23):
		panic("wild")
	default:
		return animal(id + "m"), nil
	}
}

func (lions) Mate(_ context.Context, obj *Lion) (Animal, error)     { return mate(obj.ID) }
func (parrots) Mate(_ context.Context, obj *Parrot) (Animal, error) { return mate(obj.ID) }

func (lions) Prey(ctx context.Context, objs []*Lion) ([][]Animal, error) {
	out := make([][]Animal, len(objs))
	for i, o := range objs {
		if o == nil || chance(o.ID, "tame", 3) {
			continue
		}
		out[i] = herd(o.ID+"p", 2)
		if chance(o.ID, "hungry", 4) {
			breadth.Report(ctx, i, errors.New(o.ID+" has eaten some"))
		}
	}
	return out, nil
}

func (lions) Strict(_ context.Context, objs []*Lion) ([]*Keeper, error) {
	return each(lionIDs(objs), "strict", func(id string) *Keeper { return keeper("s" + id) })
}

func (keepers) Boss(_ context.Context, obj *Keeper) (*Keeper, error) {
	if chance(obj.ID, "strike", 4) {
		return nil, errors.New("the boss of " + obj.ID + " is out")
	}
	if len(obj.ID) > 12 {
		return nil, nil //nolint:nilnil // the top
	}
	return keeper(obj.ID + "b"), nil
}

func (keepers) Animals(_ context.Context, objs []*Keeper) ([][]Animal, error) {
	return each(ids(objs, func(k *Keeper) string { return k.ID }), "animals", func(id string) []Animal { return herd(id+"a", 2) })
}

func (keepers) Things(ctx context.Context, obj *Keeper) ([]Thing, error) {
	if chance(obj.ID, "poor", 4) {
		graphql.AddError(graphql.WithPathContext(ctx, graphql.NewPathWithIndex(1)), errors.New("one thing is lost"))
	}
	k := keeper(obj.ID + "t")
	if k == nil {
		return nil, nil
	}
	return []Thing{*k, animal(obj.ID + "t").(Thing)}, nil //nolint:forcetypeassert // every animal is a thing
}

func (keepers) Secret(context.Context, []*Keeper) ([]*string, error) {
	return nil, errors.New("secrets are not told")
}

func (cages) Animal(_ context.Context, objs []*Cage) ([]Animal, error) {
	return each(cageIDs(objs), "animal", animal)
}

func (cages) Owner(_ context.Context, objs []*Cage) ([]*Keeper, error) {
	return each(cageIDs(objs), "owner", func(id string) *Keeper { return &Keeper{ID: id} })
}

func (queries) Animal(_ context.Context, id string) (Animal, error) { return mate(id) }
func (queries) Animals(_ context.Context, first *int) ([]Animal, error) {
	return herd("q", min(*first, 4)), nil
}

func (queries) Keepers(_ context.Context, first *int) ([]*Keeper, error) {
	var out []*Keeper
	for i := range min(*first, 4) {
		out = append(out, keeper(fmt.Sprint("q", i)))
	}
	return out, nil
}

func (queries) Keeper(_ context.Context, id *string) (*Keeper, error) {
	if id == nil {
		return nil, errors.New("which keeper?")
	}
	return keeper(*id), nil
}

func (queries) Things(_ context.Context, first *int) ([]Thing, error) {
	out := []Thing{nil}
	for i := range min(*first, 4) {
		id := fmt.Sprint("th", i)
		if k := keeper(id); k != nil {
			out = append(out, *k)
		}
		out = append(out, animal(id).(Thing)) //nolint:forcetypeassert // every animal is a thing
	}
	return out, nil
}

func (queries) Must(_ context.Context, id string) (*Keeper, error) { return keeper(id), nil }

func (queries) Guarded(context.Context) (*string, error) { return nil, nil } //nolint:nilnil // never asked

func (changes) Feed(_ context.Context, id string, note *string) (Animal, error) {
	if note != nil {
		return nil, errors.New("it does not read: " + *note)
	}
	return animal(id), nil
}

func (changes) Hire(_ context.Context, name string) (*Keeper, error) { return keeper(name), nil }

func (watching) Seen(ctx context.Context, first int) (<-chan Animal, error) {
	if first < 0 {
		return nil, errors.New("nothing is seen before it is there")
	}
	out := make(chan Animal)
	go func() {
		defer close(out)
		for i := range first {
			select {
			case out <- animal(fmt.Sprint("seen", i)):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}
