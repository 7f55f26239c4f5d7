package inventory

import (
	"context"
	"fmt"
)

// Sourced is the plan of a request.
func Sourced(r Request, supplies []Supply) Plan { return source(r, supplies) }

// Unseen is how many notes nobody has looked at.
func (s *Service) Unseen(ctx context.Context) (int, error) {
	_, list, err := s.standing.changes(ctx, s.standing.last.seen)
	return len(list), err
}

// Look has what has changed noticed, as whoever reads the table does.
func (s *Service) Look(ctx context.Context) error {
	_, err := s.standing.look(ctx)
	return err
}

// Shown is what is known, to be compared.
func (k Known) Shown() map[Key]string {
	out := map[Key]string{}
	for key, c := range k.figures {
		out[key] = fmt.Sprint(c.Source, c.OnHand, c.Read, c.reserved, c.outdated)
	}
	return out
}
