package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// api holds the types and constants of one release of k8s.io/api.
type api struct {
	types  map[string]map[string]field // by type, then JSON name
	values map[string]map[string]bool  // by type, for the types with constants
}

type field struct{ typeName, gate string }

func readAPI(file string) (api, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return api{}, err
	}
	a := api{types: map[string]map[string]field{}, values: map[string]map[string]bool{}}
	for _, declaration := range parsed.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				a.constant(s)
			case *ast.TypeSpec:
				if structure, ok := s.Type.(*ast.StructType); ok {
					a.types[s.Name.Name] = fieldsOf(structure)
				}
			}
		}
	}
	if len(a.types) == 0 {
		return api{}, fmt.Errorf("%s: no types", file)
	}
	for name := range a.types {
		a.flatten(name)
	}
	return a, nil
}

// flatten moves the fields of embedded types to the type that embeds them, as in JSON.
func (a api) flatten(name string) {
	for within := range a.types[name] {
		if embedded, ok := strings.CutPrefix(within, embedding); ok {
			delete(a.types[name], within)
			a.flatten(embedded)
			maps.Copy(a.types[name], a.types[embedded])
		}
	}
}

// embedding is the prefix of an embedded type's name among the fields.
const embedding = "<"

func (a api) constant(s *ast.ValueSpec) {
	typeName, ok := s.Type.(*ast.Ident)
	if !ok || len(s.Values) != 1 {
		return
	}
	literal, ok := s.Values[0].(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		return
	}
	if a.values[typeName.Name] == nil {
		a.values[typeName.Name] = map[string]bool{}
	}
	a.values[typeName.Name][value] = true
}

func fieldsOf(structure *ast.StructType) map[string]field {
	marked := regexp.MustCompile(`\+featureGate=(\w+)`)
	fields := map[string]field{}
	for _, f := range structure.Fields.List {
		one := field{typeName: elementOf(f.Type)}
		if f.Doc != nil {
			for _, line := range f.Doc.List { // Doc.Text would leave out lines that look like a directive
				if m := marked.FindStringSubmatch(line.Text); m != nil {
					one.gate = m[1]
				}
			}
		}
		name := embedding + one.typeName
		if f.Tag != nil {
			if tag, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ","); tag != "" {
				name = tag
			}
		}
		fields[name] = one
	}
	return fields
}

// elementOf is the name of a type of this package, or of what a pointer, list or map of it holds.
func elementOf(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return elementOf(t.X)
	case *ast.ArrayType:
		return elementOf(t.Elt)
	case *ast.MapType:
		return elementOf(t.Value)
	}
	return ""
}
