package trytonrpc

import (
	"context"
	"strings"

	"crossdock/domains/trade"
)

// Address is a place of a party.
type Address struct {
	ID          int    `json:"id"`
	Name        string `json:"name"`
	PartyName   string `json:"party_name"`
	Street      string `json:"street"`
	City        string `json:"city"`
	PostalCode  string `json:"postal_code"`
	Country     *Coded `json:"country."`
	Subdivision *Coded `json:"subdivision."`
}

// AddressFields are what an Address is read from, below a field such as "addresses.".
func AddressFields(prefix string) []string {
	out := []string{"name", "party_name", "street", "city", "postal_code", "country.code", "subdivision.code"}
	for i := range out {
		out[i] = prefix + out[i]
	}
	return out
}

// Trade is the address as we write it: the first line of the street is the first of ours, and a subdivision
// such as US-OH is the region OH.
func (a Address) Trade(party string) trade.Address {
	line1, rest, _ := strings.Cut(a.Street, "\n")
	_, region, _ := strings.Cut(a.Subdivision.Text(), "-")
	name := a.PartyName
	if name == "" {
		name = party
	}
	return trade.Address{Name: name, Line1: line1, Line2: strings.ReplaceAll(rest, "\n", ", "), City: a.City, Region: region, PostalCode: a.PostalCode, Country: a.Country.Text()}
}

// Party is a party with its addresses.
type Party struct {
	ID        int       `json:"id"`
	Code      string    `json:"code"`
	Name      string    `json:"name"`
	Addresses []Address `json:"addresses."`
}

// PartyFields are what a Party is read from.
func PartyFields() []string {
	return append([]string{"code", "name"}, AddressFields("addresses.")...)
}

// AddressOf is the party's address that goods are to be sent to, made when there is none like it.
func (c *Client) AddressOf(ctx context.Context, co *Company, p Party, to trade.Address) (int, error) {
	for _, a := range p.Addresses {
		if have := a.Trade(p.Name); have.Line1 == to.Line1 && have.Line2 == to.Line2 && have.City == to.City && have.PostalCode == to.PostalCode && have.Country == to.Country && (to.Name == "" || have.Name == to.Name) {
			return a.ID, nil
		}
	}
	countries, err := ByKeys[Coded](ctx, c, co, "countries", "country.country", "code", []string{to.Country}, []string{"code"}, nil)
	if err != nil {
		return 0, err
	}
	body := map[string]any{"party": p.ID, "party_name": to.Name, "street": strings.TrimSpace(to.Line1 + "\n" + to.Line2), "city": to.City, "postal_code": to.PostalCode}
	if len(countries) > 0 {
		body["country"] = countries[0].ID
		regions, err := ByKeys[Coded](ctx, c, co, "regions", "country.subdivision", "code", []string{to.Country + "-" + to.Region}, []string{"code"}, nil)
		if err != nil {
			return 0, err
		}
		if len(regions) > 0 {
			body["subdivision"] = regions[0].ID
		}
	}
	return c.Create(ctx, co, "ship-to", "party.address", body)
}
