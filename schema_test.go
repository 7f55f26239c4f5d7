package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"crossdock/sandbox"
)

// TestTheSchemaOfTheConfiguration takes every configuration that we show, and no key that the reader would refuse.
func TestTheSchemaOfTheConfiguration(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile("docs/crossdock.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	read := func(text string) any {
		t.Helper()
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	shown, err := filepath.Glob("docs/examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	said := told{URL: "http://127.0.0.1", Company: "c", Currency: "USD", Guide: sandbox.Guide{Shop: "C10003"}}
	for _, path := range append(shown, "sandbox.yaml", "live/crossdock.yaml") {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(read(said.fill(string(raw), "127.0.0.1:0"))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, wrong := range []string{
		"sorces: []", "pollEvery: 15", "pollEvery: soon", "sources: [{name: erp, product: sap, url: http://x}]", "sources: [{name: erp, product: rest}]",
		"sources: [{name: erp, product: rest, url: http://x, operations: {stock: {pfad: /v1}}}]", "jobs: {workers: many}", "nodes: [{id: A}]",
	} {
		if schema.Validate(read(wrong)) == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
	for _, right := range []string{"jobs: {workers: '${WORKERS}'}", "pollEvery: ${POLL}", "freshness: {stock: {maxAge: 0s}}", "pollEvery: 1h30m"} {
		if err := schema.Validate(read(right)); err != nil {
			t.Errorf("%s: %v", strings.TrimSpace(right), err)
		}
	}
}
