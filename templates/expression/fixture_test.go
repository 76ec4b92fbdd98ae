package expression

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// pod is a decoded pod that counts the calls of Object.
type pod struct {
	object map[string]any
	err    error
	reads  int
}

func (p *pod) Name() string      { return "web-0" }
func (p *pod) Namespace() string { return "shop" }
func (p *pod) Object() (map[string]any, error) {
	p.reads++
	return p.object, p.err
}

// container is a decoded container.
type container map[string]any

func (c container) Name() string                    { name, _ := c["name"].(string); return name }
func (c container) Object() (map[string]any, error) { return c, nil }

const podJSON = `{
	"metadata": {"name": "web-0", "namespace": "shop", "labels": {"app": "web", "a/b": "c"}},
	"spec": {
		"priority": 7,
		"hostNetwork": false,
		"containers": [
			{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": 2, "memory": "64Mi"}}},
			{"name": "helper", "args": ["-a", "-b"]}
		]
	}
}`

func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return numbers(value).(map[string]any)
}

// numbers converts json.Number to int64 or float64.
func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return whole
		}
		float, _ := v.Float64()
		return float
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return value
}

var parameters = []Parameter{
	{"text", v1alpha1.TypeString},
	{"empty", v1alpha1.TypeName},
	{"count", v1alpha1.TypeInteger},
	{"port", v1alpha1.TypePort},
	{"ratio", v1alpha1.TypeNumber},
	{"on", v1alpha1.TypeBoolean},
	{"list", v1alpha1.TypeStringList},
	{"memory", v1alpha1.TypeQuantity},
}

func activation(t testing.TB) *Activation {
	t.Helper()
	object := decode(t, podJSON)
	app := object["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	return &Activation{
		Parameters: map[string]any{
			"text": "hello", "empty": "", "count": int64(3), "port": int64(8080), "ratio": 0.5, "on": true,
			"list": []any{"x", "y"}, "memory": "1Gi",
		},
		Instance:        "logs",
		Index:           2,
		App:             container(app),
		Pod:             &pod{object: object},
		NamespaceName:   "shop",
		NamespaceLabels: map[string]string{"team": "red"},
		Cluster:         map[string]string{"registry": "quay.io"},
	}
}

// compile compiles a scalar for a field with the schema want.
func compile(t testing.TB, text string, want *schema.Schema) (*Expression, *Error) {
	t.Helper()
	scanned, err := Scan(text)
	if err != nil {
		return nil, err
	}
	return NewCompiler().Environment(parameters).Compile(scanned, want)
}

func mustCompile(t testing.TB, text string, want *schema.Schema) *Expression {
	t.Helper()
	x, err := compile(t, text, want)
	if err != nil {
		t.Fatalf("%s: %s (%s)", text, err.Message, err.Hint)
	}
	return x
}

var (
	anyValue  = (*schema.Schema)(nil)
	text      = schema.NewScalar(schema.String)
	integer   = schema.NewScalar(schema.Integer)
	number    = schema.NewScalar(schema.Number)
	boolean   = schema.NewScalar(schema.Boolean)
	quantity  = schema.NewScalar(schema.Quantity)
	intOrText = schema.NewScalar(schema.IntOrString)
	texts     = schema.NewList(text)
	textMap   = schema.NewMap(text)
)
