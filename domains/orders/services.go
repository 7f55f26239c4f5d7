package orders

import (
	"fmt"
	"slices"
	"strings"

	"crossdock/domains/trade"
)

// serves reports whether some node sends by the service.
func (f Facts) serves(service string) bool {
	return service == "" || slices.ContainsFunc(f.Services, func(s ServiceFact) bool { return s.Name == service })
}

// sends reports whether some node sends what is of the category by the service.
func (f Facts) sends(service, category string) bool {
	return service == "" || slices.ContainsFunc(f.Services, func(s ServiceFact) bool {
		return s.Name == service && !slices.Contains(s.Refuses, category)
	})
}

func (e *evaluation) service() {
	if e.facts.serves(e.draft.Service) {
		return
	}
	var names []string
	for _, s := range e.facts.Services {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	remedy := "leave it out: no node has services to choose from"
	if len(names) > 0 {
		remedy = "use one of " + strings.Join(names, ", ") + ", or leave it out"
	}
	e.see(serviceInvalid, sight{path: "carrierService", message: fmt.Sprintf("no node sends by %q", e.draft.Service), remedy: remedy, evidence: trade.Evidence{"asked": e.draft.Service, "offered": names}})
}

// serviced holds a line that no node sends by the service that is asked for.
func (e *evaluation) serviced(l *lining) {
	asked := e.draft.Service
	if !e.facts.serves(asked) || e.facts.sends(asked, l.item.Category) {
		return
	}
	e.sees(l, serviceInvalid, sight{path: l.at("sku"), message: fmt.Sprintf("%s is not sent by %s", l.SKU, asked), remedy: "choose another service, or leave the line out", evidence: trade.Evidence{"asked": asked, "category": l.item.Category}})
}
