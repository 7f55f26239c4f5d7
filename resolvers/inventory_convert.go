package resolvers

import (
	"slices"
	"strings"

	"crossdock/domains/inventory"
	"crossdock/graph/model"
)

// carrierServices are the services of nodes by name, each with those that offer it.
func carrierServices(nodes []inventory.Node) []*model.CarrierService {
	out := []*model.CarrierService{}
	for _, n := range nodes {
		for _, s := range n.Services {
			i := slices.IndexFunc(out, func(is *model.CarrierService) bool { return is.Name == s.Name })
			if i < 0 {
				i, out = len(out), append(out, &model.CarrierService{Name: s.Name})
			}
			out[i].Nodes = append(out[i].Nodes, string(n.ID))
		}
	}
	slices.SortFunc(out, func(a, b *model.CarrierService) int { return strings.Compare(a.Name, b.Name) })
	return out
}
