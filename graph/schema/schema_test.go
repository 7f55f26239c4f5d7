package schema_test

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"crossdock/graph/generated"
)

// ours are the definitions that we wrote, federation's apart.
func ours(t *testing.T) []*ast.Definition {
	t.Helper()
	var out []*ast.Definition
	for name, d := range generated.NewExecutableSchema(generated.Config{}).Schema().Types {
		if !d.BuiltIn && !strings.HasPrefix(name, "_") && d.Position != nil && strings.HasSuffix(d.Position.Src.Name, ".graphqls") && !strings.HasPrefix(d.Position.Src.Name, "federation/") {
			out = append(out, d)
		}
	}
	if len(out) < 50 {
		t.Fatalf("%d definitions: the test shows nothing", len(out))
	}
	slices.SortFunc(out, func(a, b *ast.Definition) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// TestEverythingIsDescribed: types, their fields and what inputs hold.
func TestEverythingIsDescribed(t *testing.T) {
	t.Parallel()
	for _, d := range ours(t) {
		if d.Description == "" && !slices.Contains([]string{"Query", "Mutation", "Subscription"}, d.Name) {
			t.Errorf("%s is not described", d.Name)
		}
		for _, f := range d.Fields {
			if f.Description == "" && !strings.HasPrefix(f.Name, "__") && !strings.HasPrefix(f.Name, "_") {
				t.Errorf("%s.%s is not described", d.Name, f.Name)
			}
		}
	}
}

// TestEveryFactHasAnOwner: a field of a thing that can be asked for by id is owned, by itself or by
// its type.
func TestEveryFactHasAnOwner(t *testing.T) {
	t.Parallel()
	for _, d := range ours(t) {
		if d.Kind != ast.Object || !slices.Contains(d.Interfaces, "Node") || d.Directives.ForName("owner") != nil {
			continue
		}
		for _, f := range d.Fields {
			if f.Name != "id" && f.Directives.ForName("owner") == nil {
				t.Errorf("nobody owns %s.%s", d.Name, f.Name)
			}
		}
	}
}

// TestTheExamplesOfGraphiQLAreValid, all of them, as they are served.
func TestTheExamplesOfGraphiQLAreValid(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../web/dist/story.js")
	if err != nil {
		t.Fatal(err)
	}
	if written, err := os.ReadFile("../../web/public/story.js"); err != nil || !bytes.Equal(written, raw) {
		t.Errorf("the examples that are served are not those in web/public, %v: run make web", err)
	}
	s := generated.NewExecutableSchema(generated.Config{}).Schema()
	examples := regexp.MustCompile("(?s)query: `(.*?)`").FindAllStringSubmatch(string(raw), -1)
	if len(examples) < 6 {
		t.Fatalf("%d examples are found: the test shows nothing", len(examples))
	}
	for _, e := range examples {
		query := strings.NewReplacer("${one}", "A", "${two}", "B").Replace(e[1])
		if _, errs := gqlparser.LoadQueryWithRules(s, query, nil); len(errs) > 0 {
			t.Errorf("%.60s…: %v", query, errs)
		}
	}
}
