package inventory

import "fmt"

// Sourced is the plan of a request.
func Sourced(r Request, supplies []Supply) Plan { return source(r, supplies) }

// Shown is what is known, to be compared.
func (k Known) Shown() map[Key]string {
	out := map[Key]string{}
	for key, c := range k.figures {
		out[key] = fmt.Sprint(c.Source, c.OnHand, c.Read, c.reserved, c.outdated)
	}
	return out
}
