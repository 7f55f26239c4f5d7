package main

import (
	_ "embed"
	"fmt"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/99designs/gqlgen/codegen"
	"github.com/99designs/gqlgen/codegen/config"
	"github.com/99designs/gqlgen/codegen/templates"
	"github.com/vektah/gqlparser/v2/ast"
)

//go:embed tables.gotpl
var tablesTemplate string

// pkg is the package whose tables are written.
const pkg = "crossdock/graph/breadth"

// tables is the plugin that writes the tables.
type tables struct{}

// Name implements plugin.Plugin.
func (tables) Name() string { return "breadth" }

// GenerateCode implements plugin.CodeGenerator.
func (tables) GenerateCode(data *codegen.Data) error {
	return templates.Render(templates.Options{
		PackageName:     data.Config.Exec.Package,
		Filename:        filepath.Join(data.Config.Exec.DirName, "breadth.go"),
		Template:        tablesTemplate,
		GeneratedHeader: true,
		Data:            data,
		Packages:        data.Config.Packages,
		PruneOptions:    data.Config.GetPruneOptions(),
		Funcs: template.FuncMap{
			"shape": shape, "getter": getter, "pointed": pointed, "covered": covered, "invocation": invocation,
			"breadth": func() string { return templates.CurrentImports.Lookup(pkg) },
		},
	})
}

// covered tells whether plans can execute a field: not those with directives that gqlgen calls, nor of shapes that
// only its own code writes.
func covered(f *codegen.Field) bool {
	ref := f.TypeReference
	for ref.IsSlice() {
		ref = ref.Elem()
	}
	return !f.HasDirectives() && !f.IsMap() && !f.HasHaser && !f.VOkFunc && !f.HasFederationRequiresArg() && !f.UsesSubscriptionContext() &&
		!ref.IsRoot && !ref.IsPtrToSlice() && !ref.IsPtrToIntf() && !ref.IsPtrToPtr() && !ref.HasEnumValues() && !ref.IsMap()
}

// fetches tells whether a field is asked for, rather than read from its parent.
func fetches(f *codegen.Field) bool {
	return f.IsResolver || (f.IsMethod() && (f.MethodHasContext || !f.NoErr || len(f.Args) > 0))
}

// invocation is how gqlgen calls a field that is not batched.
func invocation(f *codegen.Field) string {
	if f.IsResolver {
		return "ec.Resolvers." + f.ShortInvocation()
	}
	return fmt.Sprintf("%s.%s(%s)", f.GoReceiverName, f.GoFieldName, f.CallArgs())
}

// pointed tells whether a field's struct is held by value where its address can be taken.
func pointed(f *codegen.Field) bool {
	return f.IsVariable() && !f.TypeReference.IsNilable() && f.TypeReference.Definition.Kind == ast.Object && !f.TypeReference.IsSlice()
}

// getter is how a field is read from its parent, or empty when it is asked for.
func getter(f *codegen.Field) string {
	switch {
	case fetches(f):
		return ""
	case pointed(f):
		return "&" + f.GoReceiverName + "." + f.GoFieldName
	case f.IsMethod():
		return fmt.Sprintf("%s.%s()", f.GoReceiverName, f.GoFieldName)
	default:
		return f.GoReceiverName + "." + f.GoFieldName
	}
}

// shape is the expression of a type's shape.
func shape(ref *config.TypeReference, byAddress bool) (string, error) {
	p, must := templates.CurrentImports.Lookup(pkg), strconv.Quote("")
	if ref.GQL.NonNull {
		must = strconv.Quote(ref.GQL.String())
	}
	if ref.IsSlice() {
		elem := ref.Elem()
		values := !elem.IsSlice() && elem.Definition.Kind == ast.Object && !elem.IsNilable()
		below, err := shape(elem, values)
		if err != nil {
			return "", err
		}
		if values {
			return fmt.Sprintf("%s.Values(%s, %s)", p, below, must), nil
		}
		return fmt.Sprintf("%s.List(%s, %t, %s)", p, below, ref.IsScalar(), must), nil
	}
	switch ref.Definition.Kind {
	case ast.Object:
		target := ref.GO
		if ptr, ok := target.(*types.Pointer); ok {
			target = ptr.Elem()
		}
		expr := fmt.Sprintf("%s.Object[%s](%q, %s)", p, templates.CurrentImports.LookupType(target), ref.Definition.Name, must)
		if !ref.IsNilable() && !byAddress {
			expr = fmt.Sprintf("%s.Value(%s)", p, expr)
		}
		return expr, nil
	case ast.Interface, ast.Union:
		return fmt.Sprintf("%s.Abstract(%q, which%s, %s)", p, ref.Definition.Name, ref.Definition.Name, must), nil
	case ast.Scalar, ast.Enum:
		return leaf(p, ref, must)
	default:
		return "", fmt.Errorf("breadth: %s is of kind %s", ref.GQL, ref.Definition.Kind)
	}
}

// leaf is the expression of a scalar's or an enum's shape.
func leaf(p string, ref *config.TypeReference, must string) (string, error) {
	typ := templates.CurrentImports.LookupType(ref.GO)
	ptr, isPtr := ref.GO.(*types.Pointer)
	unwrap := isPtr && (ref.IsMarshaler || !ref.IsTargetNilable())
	if unwrap {
		typ = templates.CurrentImports.LookupType(ptr.Elem())
	}
	var expr string
	switch {
	case ref.IsContext && ref.IsMarshaler:
		return "", fmt.Errorf("breadth: %s as %s, which marshals itself with a context, is not written", ref.GQL, ref.GO)
	case ref.IsContext:
		expr = fmt.Sprintf("%s.Contextual(%s, %s)", p, templates.Call(ref.Marshaler), must)
	case ref.IsMarshaler:
		expr = fmt.Sprintf("%s.Leaf(%s.Own[%s], %s)", p, p, typ, must)
	default:
		expr = fmt.Sprintf("%s.Leaf(%s, %s)", p, appender(p, ref, typ), must)
	}
	switch {
	case unwrap:
		return fmt.Sprintf("%s.Optional(%s, %s)", p, expr, must), nil
	case ref.IsNilable():
		return fmt.Sprintf("%s.Nilable(func(v %s) bool { return v == nil }, %s, %s)", p, typ, expr, must), nil
	}
	return expr, nil
}

// known are the scalars of gqlgen that are written without a marshaler.
var known = map[string]string{"MarshalString": "AppendString", "MarshalID": "AppendString", "MarshalInt": "AppendInt", "MarshalInt64": "AppendInt", "MarshalInt32": "AppendInt", "MarshalBoolean": "AppendBool"} //nolint:gochecknoglobals // a constant

// appender is the expression of the function that writes a leaf: our own for gqlgen's scalars, the one named AppendX
// beside a MarshalX where there is one, else the marshaler.
func appender(p string, ref *config.TypeReference, typ string) string {
	from := ref.Marshaler.Pkg()
	if from.Path() == "github.com/99designs/gqlgen/graphql" {
		if name := known[ref.Marshaler.Name()]; name != "" {
			return fmt.Sprintf("%s.%s[%s]", p, name, typ)
		}
	}
	call := templates.Call(ref.Marshaler)
	name := strings.Replace(ref.Marshaler.Name(), "Marshal", "Append", 1)
	if from.Scope().Lookup(name) != nil {
		call = templates.CurrentImports.Lookup(from.Path()) + "." + name
		if ref.CastType == nil {
			return call
		}
		return fmt.Sprintf("func(b []byte, v %s) ([]byte, bool) { return %s(b, %s(v)) }", typ, call, templates.CurrentImports.LookupType(ref.CastType))
	}
	if ref.CastType == nil {
		return fmt.Sprintf("%s.Marshal(%s)", p, call)
	}
	return fmt.Sprintf("%s.Marshal(func(v %s) graphql.Marshaler { return %s(%s(v)) })", p, typ, call, templates.CurrentImports.LookupType(ref.CastType))
}
