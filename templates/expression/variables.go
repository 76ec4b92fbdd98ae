package expression

import (
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// The names of the variables.
const (
	paramsVariable    = "params"
	instanceVariable  = "instance"
	indexVariable     = "index"
	nativeVariable    = "native"
	appVariable       = "app"
	podVariable       = "pod"
	namespaceVariable = "namespaceObject"
	clusterVariable   = "cluster"
	workloadVariable  = "workload"
	// variablesVariable holds the template's own variables.
	variablesVariable = "variables"

	// targetVariable exists only in the fields added to the app's containers.
	targetVariable = "target"

	// eachVariable and eachIndexVariable exist only within an item with $each.
	eachVariable      = "each"
	eachIndexVariable = "eachIndex"
)

// variableSchemas returns the schemas of the variables that are the same for every template; params and
// variables are added by each Environment.
func variableSchemas() map[string]*schema.Schema {
	text := schema.NewScalar(schema.String)
	texts := schema.NewMap(text)
	return map[string]*schema.Schema{
		instanceVariable: text,
		indexVariable:    schema.NewScalar(schema.Integer),
		// Declared for CEL; analysis refuses it where it has no value.
		eachIndexVariable: schema.NewScalar(schema.Integer),
		nativeVariable:    schema.NewScalar(schema.Boolean),
		appVariable:       schema.Container(),
		podVariable:       schema.Pod(),
		clusterVariable:   texts,
		// Declared for CEL; analysis refuses it where it has no value.
		targetVariable: schema.Container(),
		workloadVariable: schema.NewObject("workload",
			schema.Field{Name: "kind", Schema: text},
			schema.Field{Name: "name", Schema: text},
		),
		namespaceVariable: schema.NewObject("Namespace", schema.Field{
			Name: "metadata",
			Schema: schema.NewObject("the metadata of a Namespace",
				schema.Field{Name: "name", Schema: text},
				schema.Field{Name: "labels", Schema: texts},
				schema.Field{Name: "annotations", Schema: texts},
			),
		}),
	}
}

// paramsSchema returns the schema of params. Of two parameters with one name the first counts.
func paramsSchema(parameters []Parameter) *schema.Schema {
	seen := map[string]bool{}
	var fields []schema.Field
	for _, p := range parameters {
		if seen[p.Name] {
			continue
		}
		seen[p.Name] = true
		fields = append(fields, schema.Field{Name: p.Name, Schema: parameterSchema(p.Type)})
	}
	return schema.NewObject(paramsVariable, fields...)
}

func parameterSchema(t v1alpha1.ParameterType) *schema.Schema {
	switch t {
	case v1alpha1.TypeInteger, v1alpha1.TypePort:
		return schema.NewScalar(schema.Integer)
	case v1alpha1.TypeNumber:
		return schema.NewScalar(schema.Number)
	case v1alpha1.TypeBoolean:
		return schema.NewScalar(schema.Boolean)
	case v1alpha1.TypeStringList:
		return schema.NewList(schema.NewScalar(schema.String))
	case v1alpha1.TypeStringMap:
		return schema.NewMap(schema.NewScalar(schema.String))
	default:
		return schema.NewScalar(schema.String)
	}
}

func celType(s *schema.Schema) *cel.Type {
	switch s.Kind {
	case schema.Boolean:
		return cel.BoolType
	case schema.Integer:
		return cel.IntType
	case schema.Number:
		return cel.DoubleType
	case schema.String, schema.Quantity:
		return cel.StringType
	case schema.List:
		return cel.ListType(celType(s.Elem))
	case schema.Map:
		return cel.MapType(cel.StringType, celType(s.Elem))
	case schema.Object:
		return cel.ObjectType(s.Type)
	case schema.Any, schema.IntOrString:
	}
	return cel.DynType
}

// typedName returns the name under which CEL knows a parameter or variable. These differ from template to
// template, but the CEL environment and the programs are shared; so the type is made part of the name, and
// Compile rewrites params.port to params."integer port" in CEL's syntax tree.
func typedName(name string, s *schema.Schema) string {
	return typeCode(s) + " " + name
}

// untypedName is the inverse of typedName; a name that is not typed is returned unchanged.
func untypedName(typed string) string {
	return typed[strings.LastIndexByte(typed, ' ')+1:]
}

// declares reports whether a variable holds a template's declarations, whose fields have typed names.
func declares(root string) bool { return root == paramsVariable || root == variablesVariable }

// The prefixes of a typeCode that contains another.
const (
	listCode   = "list:"
	mapCode    = "map:"
	objectCode = "object:"
)

// typeCode encodes the type returned by celType; coded decodes it.
func typeCode(s *schema.Schema) string {
	switch s.Kind {
	case schema.Boolean, schema.Integer, schema.Number:
		return s.Kind.String()
	case schema.String, schema.Quantity:
		return schema.String.String()
	case schema.List:
		return listCode + typeCode(s.Elem)
	case schema.Map:
		return mapCode + typeCode(s.Elem)
	case schema.Object:
		return objectCode + s.Type
	case schema.Any, schema.IntOrString:
	}
	return schema.Any.String()
}

// coded returns the schema of the type that a typeCode encodes; nil if it is invalid.
func (p *provider) coded(code string) *schema.Schema {
	if elem, ok := strings.CutPrefix(code, listCode); ok {
		if s := p.coded(elem); s != nil {
			return schema.NewList(s)
		}
		return nil
	}
	if elem, ok := strings.CutPrefix(code, mapCode); ok {
		if s := p.coded(elem); s != nil {
			return schema.NewMap(s)
		}
		return nil
	}
	if name, ok := strings.CutPrefix(code, objectCode); ok {
		return p.objects[name]
	}
	for _, kind := range []schema.Kind{schema.String, schema.Integer, schema.Number, schema.Boolean, schema.Any} {
		if kind.String() == code {
			return schema.NewScalar(kind)
		}
	}
	return nil
}

// provider is the CEL type provider for the objects within the variables.
type provider struct {
	types.Provider
	objects map[string]*schema.Schema
}

func newProvider(base types.Provider, roots map[string]*schema.Schema) *provider {
	p := &provider{Provider: base, objects: map[string]*schema.Schema{}}
	for _, s := range roots {
		p.add(s)
	}
	return p
}

func (p *provider) add(s *schema.Schema) {
	if s.Elem != nil {
		p.add(s.Elem)
	}
	if s.Kind != schema.Object || p.objects[s.Type] != nil {
		return
	}
	p.objects[s.Type] = s
	for i := range s.Fields {
		p.add(s.Fields[i].Schema)
	}
}

// FindStructType implements types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if declares(name) || p.objects[name] != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if s := p.objects[name]; s != nil {
		return s.Names(), true
	}
	return p.Provider.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if declares(name) {
		return p.declaredField(name, field)
	}
	s := p.objects[name]
	if s == nil {
		return p.Provider.FindStructFieldType(name, field)
	}
	f, ok := s.Field(field)
	if !ok {
		return nil, false
	}
	return &types.FieldType{Type: celType(f.Schema)}, true
}

// declaredField decodes a typedName: the type before the last blank, the name after it.
func (p *provider) declaredField(root, typed string) (*types.FieldType, bool) {
	name := untypedName(typed)
	if name == typed {
		return nil, false
	}
	s := p.coded(typed[:len(typed)-len(name)-1])
	if s == nil {
		return nil, false
	}
	get := func(params any) (any, error) {
		values, _ := params.(map[string]any)
		value, ok := values[name]
		if !ok {
			return nil, failed(root + "." + name + " is absent")
		}
		return value, nil
	}
	return &types.FieldType{
		Type:    celType(s),
		IsSet:   func(params any) bool { _, err := get(params); return err == nil },
		GetFrom: get,
	}, true
}

// podVariables returns the variables that are about the pod and not about an instance in it.
func podVariables() []string { return []string{namespaceVariable, podVariable} }

// names returns the names of the variables for hints, sorted.
func (d *declared) names() []string {
	if d.onlyPod {
		return podVariables()
	}
	names := []string{
		paramsVariable, instanceVariable, indexVariable, nativeVariable, appVariable,
		podVariable, namespaceVariable, clusterVariable, workloadVariable, variablesVariable,
	}
	if d.target {
		names = append(names, targetVariable)
	}
	if d.each != nil {
		names = append(names, eachVariable, eachIndexVariable)
	}
	slices.Sort(names)
	return names
}

// member returns how an expression reads the parameter or variable of the template that has this name; "" if there
// is none.
func (d *declared) member(name string) string {
	if d.onlyPod {
		return ""
	}
	for _, object := range []*schema.Schema{d.variables, d.params} {
		if object == nil {
			continue
		}
		if _, ok := object.Field(name); ok {
			return object.Type + "." + name
		}
	}
	return ""
}
