// Command schema writes the JSON Schema of the configuration, for editors: the keys of internal/config and, below a
// source's operations, those of sources/rest, with what the code says of each.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"gopkg.in/yaml.v3"

	"crossdock/internal/config"
	"crossdock/sources/rest"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func write(path string) error {
	r := &jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true, Mapper: mapped}
	for _, folder := range []string{"./internal/config", "./sources/rest"} {
		if err := r.AddGoComments("crossdock", folder); err != nil {
			return err
		}
	}
	s := r.Reflect(&config.Config{})
	s.Definitions["Operation"] = r.Reflect(&rest.Operation{}).Definitions["Operation"]
	s.Title, s.Description = "Crossdock's configuration", "One file; README.md has the table of keys."
	for _, def := range s.Definitions {
		for p := def.Properties.Oldest(); p != nil; p = p.Next() {
			p.Value.Description = plain(p.Value.Description)
			p.Value = orReference(p.Value)
		}
	}
	source := s.Definitions["Source"]
	source.Required = []string{"name", "product", "url"}
	product, _ := source.Properties.Get("product")
	for _, name := range config.Products() {
		product.Enum = append(product.Enum, name)
	}
	executor, _ := s.Definitions["Config"].Properties.Get("executor")
	for _, name := range config.Executors() {
		executor.Enum = append(executor.Enum, name)
	}
	s.Definitions["Node"].Required = []string{"id", "source"}
	s.Definitions["Issuer"].Required = []string{"issuer", "audience", "jwks"}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644) //nolint:gosec // a file of the repository
}

// plain is a comment without the name that Go's comments begin with.
func plain(comment string) string {
	_, rest, ok := strings.Cut(comment, " is ")
	if first, _, _ := strings.Cut(comment, " "); !ok || !strings.HasPrefix(comment, first+" is ") || rest == "" {
		return comment
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

// mapped are types that YAML writes otherwise than Go holds them.
func mapped(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[config.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^(0|-?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+$`, Examples: []any{"250ms", "15s", "10m"}}
	case reflect.TypeFor[yaml.Node]():
		return &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{Ref: "#/$defs/Operation"}}
	default:
		return nil
	}
}

// reference is a value that the environment or a file holds.
const reference = `^\$\{[^}]+\}$`

// orReference lets a value that is no text be a reference too.
func orReference(s *jsonschema.Schema) *jsonschema.Schema {
	if !slices.Contains([]string{"integer", "number", "boolean"}, s.Type) && s.Pattern == "" {
		return s
	}
	out := &jsonschema.Schema{Description: s.Description, AnyOf: []*jsonschema.Schema{s, {Type: "string", Pattern: reference}}}
	s.Description = ""
	return out
}
