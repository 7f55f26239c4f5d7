// Package zoo is a schema with everything that the executor must get right: interfaces, unions, lists of lists,
// scalars that can be null, and resolvers that fail, lie and return nothing. What it holds follows from ids alone.
package zoo

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// Size is an enum.
type Size string

// Animal is an interface that pointers implement.
type Animal interface {
	Named
	IsAnimal()
}

// Named is an interface that values implement.
type Named interface{ IsNamed() }

// Thing is a union.
type Thing interface{ IsThing() }

type (
	// Lion is an animal.
	Lion struct {
		ID     string
		Name   *string
		Tag    *string
		Born   time.Time
		Weight float64
		Roars  []int
	}
	// Parrot is another.
	Parrot struct {
		ID    string
		Name  *string
		Tag   *string
		Born  time.Time
		Words [][]string
		Grid  [][]Cage
		Size  Size
	}
	// Keeper looks after them.
	Keeper struct {
		ID    string
		Name  *string
		Age   *int
		Cages []Cage
		Spare []*Cage
	}
	// Cage is a place.
	Cage struct {
		Number int
		Open   bool
		Size   *Size
		Sizes  []Size
	}
)

// IsAnimal implements Animal.
func (*Lion) IsAnimal() {}

// IsAnimal implements Animal.
func (*Parrot) IsAnimal() {}

// IsNamed implements Named.
func (Lion) IsNamed() {}

// IsNamed implements Named.
func (Parrot) IsNamed() {}

// IsNamed implements Named.
func (Keeper) IsNamed() {}

// IsThing implements Thing.
func (*Lion) IsThing() {}

// IsThing implements Thing.
func (*Parrot) IsThing() {}

// IsThing implements Thing.
func (Keeper) IsThing() {}

// Notes is a method without a context. Those of some cages cannot be had.
func (c Cage) Notes() []string {
	if c.Number%8 == 0 {
		panic("the notes are torn")
	}
	return []string{"cage", strconv.Itoa(c.Number), "\"quoted\"\n\u00e9\x01"}
}

// Label is a method with an argument.
func (c Cage) Label(upper bool) string {
	if upper {
		return "CAGE"
	}
	return "cage"
}

// MarshalMoment writes a moment, and null for none.
func MarshalMoment(t time.Time) graphql.Marshaler {
	if t.IsZero() {
		return graphql.Null
	}
	return graphql.MarshalString(t.UTC().Format(time.RFC3339))
}

// UnmarshalMoment reads a moment.
func UnmarshalMoment(v any) (time.Time, error) {
	s, err := graphql.UnmarshalString(v)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, s)
}

// chance is true for one in n ids, another one for each question.
func chance(id, question string, n uint64) bool {
	h := fnv.New64a()
	_, _ = h.Write([]byte(question + "/" + id))
	return h.Sum64()%n == 0
}

func text(id, question string, n uint64) *string {
	if chance(id, question, n) {
		return nil
	}
	s := question + " of " + id
	return &s
}

func animal(id string) Animal {
	born := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if chance(id, "unborn", 25) {
		born = time.Time{}
	}
	if chance(id, "kind", 2) {
		l := &Lion{ID: id, Name: text(id, "name", 4), Tag: text(id, "tag", 25), Born: born, Weight: 1.5 * float64(len(id))}
		if !chance(id, "roars", 3) {
			l.Roars = []int{1, 2, len(id)}
		}
		return l
	}
	p := &Parrot{ID: id, Name: text(id, "name", 4), Tag: text(id, "tag", 25), Born: born, Size: "LARGE", Words: [][]string{{"a", "b"}, nil, {}}}
	if chance(id, "grid", 2) {
		p.Grid = [][]Cage{{cage(1), cage(2)}, {}, {cage(3)}}
	}
	return p
}

func cage(n int) Cage {
	size := Size("SMALL")
	c := Cage{Number: n, Open: n%2 == 0, Sizes: []Size{"SMALL", "LARGE"}}
	if n%3 != 0 {
		c.Size = &size
	}
	return c
}

func keeper(id string) *Keeper {
	if chance(id, "gone", 6) {
		return nil
	}
	age := len(id)
	k := &Keeper{ID: id, Name: text(id, "name", 3), Cages: []Cage{cage(len(id)), cage(len(id) + 1)}}
	if chance(id, "age", 2) {
		k.Age = &age
	}
	if !chance(id, "spare", 3) {
		c := cage(7)
		k.Spare = []*Cage{&c, nil, &c}
	}
	return k
}
