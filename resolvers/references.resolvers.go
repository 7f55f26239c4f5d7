package resolvers

import (
	"context"

	"crossdock/domains/references"
	"crossdock/graph/model"
	"crossdock/graph/scalar"
)

func (r *mutationResolver) SetReference(ctx context.Context, input model.SetReferenceInput) (*model.SetReferencePayload, error) {
	return referencePayload(r.References.Set(ctx, viewer(ctx), references.Name{Kind: input.Kind, Source: input.Source, Theirs: input.Theirs}, input.Ours))
}

func (r *mutationResolver) RemoveReference(ctx context.Context, input model.RemoveReferenceInput) (*model.RemoveReferencePayload, error) {
	out, err := referencePayload(r.References.Remove(ctx, viewer(ctx), references.Name{Kind: input.Kind, Source: input.Source, Theirs: input.Theirs}))
	return (*model.RemoveReferencePayload)(out), err
}

func (r *queryResolver) References(ctx context.Context, filter *model.ReferenceFilter, first *int, after *string) (*model.ExternalReferenceConnection, error) {
	from, err := cursor(scalar.TypeReference, after)
	if err != nil {
		return nil, err
	}
	list, more, err := r.Resolver.References.List(ctx, viewer(ctx), referenceFilter(filter), number(first, 20), from)
	if err != nil {
		return nil, err
	}
	rows, cursors := edges(list, scalar.TypeReference, references.Reference.Key, func(c string, ref references.Reference) *model.ExternalReferenceEdge {
		return &model.ExternalReferenceEdge{Cursor: c, Node: &ref}
	})
	out := &model.ExternalReferenceConnection{Edges: rows, PageInfo: pageInfo(cursors, more, from != "")}
	for _, row := range rows {
		out.Nodes = append(out.Nodes, row.Node)
	}
	return out, nil
}
