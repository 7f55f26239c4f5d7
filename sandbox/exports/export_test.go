package exports

import (
	"fmt"
	"strings"
)

// Headings are the rows of the tables in docs/exports.md.
func Headings() []string {
	var out []string
	for _, t := range tables() {
		for _, c := range t.columns {
			name := c.name
			if c.required {
				name = "**" + name + "**"
			}
			out = append(out, fmt.Sprintf("| %s | %s |", name, strings.Join(c.also, ", ")))
		}
	}
	return out
}
