package resolvers

import (
	"context"

	"crossdock/graph/model"
)

func (r *queryResolver) Sources(ctx context.Context) ([]*model.Source, error) {
	out := make([]*model.Source, len(r.Systems))
	for i, s := range r.Systems {
		out[i] = s.shown()
	}
	return out, nil
}
