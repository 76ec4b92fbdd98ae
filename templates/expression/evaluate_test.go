package expression

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// absent is the expected value of an optional without a value.
type absent struct{}

func TestEvaluateGivesValuesOfTheTypeThatThePlaceWants(t *testing.T) {
	for _, c := range []struct {
		text string
		want *schema.Schema
		got  any
	}{
		// Texts.
		{"plain", text, "plain"},
		{"$${HOME} and $(VAR)", text, "${HOME} and $(VAR)"},
		{"${params.text}", text, "hello"},
		{"${ params.text }", text, "hello"},
		{"${params.port}", text, "8080"},
		{"${params.ratio}", text, "0.5"},
		{"${params.on}", text, "true"},
		{"a-${params.text}-${index}-${params.on}", text, "a-hello-2-true"},
		{"${1000000.0}", text, "1000000"},
		{"${1e30}", text, "1e+30"},
		{"${instance}${instance}", anyValue, "logslogs"},
		{"${instance}-x", intOrText, "logs-x"},
		{"${app.name}-${cluster.registry}", text, "web-quay.io"},
		{"${pod.metadata.name}.${pod.metadata.namespace}", text, "web-0.shop"},
		{"${namespaceObject.metadata.name}/${namespaceObject.metadata.labels.team}", text, "shop/red"},

		// One expression keeps its type.
		{"${params.port}", integer, int64(8080)},
		{"${params.port}", anyValue, int64(8080)},
		{"${params.port}", intOrText, int64(8080)},
		{"${params.port}", number, int64(8080)},
		{"${params.text}", intOrText, "hello"},
		{"${8084 + index}", integer, int64(8086)},
		{"${params.ratio * 2.0}", number, 1.0},
		{"${params.on && params.count == 3}", boolean, true},
		{`${["-a"] + params.list}`, texts, []any{"-a", "x", "y"}},
		{"${params.list}", texts, []any{"x", "y"}},
		{"${[1, 2]}", texts, []any{"1", "2"}},
		{`${[?optional.ofNonZeroValue(params.empty), "z"]}`, texts, []any{"z"}},
		{"${[optional.of('a'), optional.none()]}", texts, []any{"a"}},
		{"${[]}", texts, []any{}},
		{"${true}", boolean, true},

		// Quantities.
		{"${params.memory}", quantity, "1Gi"},
		{`${quantity(params.memory).add(quantity("1Gi"))}`, quantity, "2Gi"},
		{`max ${quantity("1Gi")}`, text, "max 1Gi"},
		{"${2}", quantity, "2"},
		{`${pod.spec.containers[0].resources.limits["cpu"]}`, text, "2"},
		{`${quantity(app.resources.limits.cpu).isGreaterThan(quantity("1500m"))}`, boolean, true},

		// Optionals.
		{"${optional.ofNonZeroValue(params.empty)}", text, absent{}},
		{"${optional.ofNonZeroValue(params.text)}", text, "hello"},
		{"${pod.spec.?nodeName}", text, absent{}},
		{"${pod.spec.?priority}", text, "7"},
		{`${pod.spec.?nodeName.orValue("any")}`, text, "any"},
		{`${pod.spec.?securityContext.?runAsUser.orValue(1000)}`, integer, int64(1000)},
		{`${pod.metadata.labels[?"a/b"].orValue("")}`, text, "c"},
		{`${cluster.?registry.orValue("docker.io")}/x:1`, text, "quay.io/x:1"},
		{`${cluster.?proxy.orValue("none")}`, text, "none"},
		{"${params.?count.orValue(1)}", integer, int64(3)},
		{`${params.?text.optMap(x, x + "!").orValue("")}`, text, "hello!"},
		{"${has(pod.spec.nodeName) || has(params.text)}", boolean, true},
		{`${namespaceObject.metadata.?annotations[?"openshift.io/sa.scc.uid-range"].hasValue()}`, boolean, false},

		// The library.
		{`${pod.spec.containers.map(c, c.name).join(",")}`, text, "web,helper"},
		{`${pod.spec.containers.filter(c, has(c.args)).size()}`, integer, int64(1)},
		{`${pod.spec.containers.exists(params, params.name == "helper")}`, boolean, true},
		{`${url("https://host:8443/x").getPort()}`, text, "8443"},
		{`${params.text.upperAscii().replace("L", "1")}`, text, "HE11O"},
		{`${"%s=%d".format([params.text, params.count])}`, text, "hello=3"},
		{`${"a1b2".find("[0-9]")}`, text, "1"},
		{`${params.text in ["hello"] && sets.contains([1, 2], [1])}`, boolean, true},
		{`${lists.range(3).map(i, string(i))}`, texts, []any{"0", "1", "2"}},
		{`${[3, 1].sort()}`, anyValue, []any{int64(1), int64(3)}},
		{`${string(duration("90s"))}`, text, "90s"},
	} {
		x, fault := compile(t, c.text, c.want)
		if fault != nil {
			t.Errorf("%s: %s at %d: %s", c.text, fault.Reason, fault.Offset, fault.Message)
			continue
		}
		value, present, err := x.Evaluate(activation(t), &Budget{})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if !present {
			value = absent{}
		}
		if diff := cmp.Diff(c.got, value); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
		if !present && !x.Optional() {
			t.Errorf("%s: absent, but Optional is false", c.text)
		}
	}
}

func TestThePodIsDecodedOnlyForMoreThanItsName(t *testing.T) {
	for text, reads := range map[string]int{
		"${pod.metadata.name}":                                0,
		`${pod.metadata.name + "-" + pod.metadata.namespace}`: 0,
		"${params.text}":                                      0,
		"${pod.spec.priority}":                                1,
		"${pod.spec.priority + 1}":                            1,
		"${pod.metadata.labels.app}${pod.spec.priority}":      1,
	} {
		in := activation(t)
		if _, _, err := mustCompile(t, text, nil).Evaluate(in, &Budget{}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got := in.Pod.(*pod).reads; got != reads {
			t.Errorf("%s: the pod was decoded %d times, want %d", text, got, reads)
		}
	}
}

func TestEvaluateFailsWithPlaceAndAdvice(t *testing.T) {
	for _, c := range []struct {
		text   string
		want   *schema.Schema
		offset int
		error  string
	}{
		{"${pod.spec.nodeName}", text, 11, "pod.spec.nodeName is absent"},
		{"a ${pod.metadata.labels.x}", text, 24, "pod.metadata.labels.x is absent"},
		{"${pod.spec.securityContext.runAsUser}", integer, 11, "pod.spec.securityContext is absent"},
		{`${pod.spec.nodeName + "-x"}`, text, 11, "no such key: nodeName"},
		{`${pod.spec.containers[7].name}`, text, 21, "index out of bounds: 7"},
		{"${cluster.proxy}", text, 10, "cluster.proxy is absent"},
		{"${app.image + app.workingDir}", text, 18, "no such key: workingDir"},
		{"${1 / (index - 2)}", integer, 4, "division by zero"},
		{"${9223372036854775807 + index}", integer, 22, "integer overflow"},
		{"${1.0 / 0.0}", number, 2, "the number is infinite or none"},
		{"${dyn(params.text)}", integer, 2, "want an integer, got a string"},
		{`${dyn([1])}`, text, 2, "want a string, got a list"},
		{`${[dyn(1), dyn("a")]}`, schema.NewList(integer), 2, "item 1: want an integer, got a string"},
	} {
		x, fault := compile(t, c.text, c.want)
		if fault != nil {
			t.Errorf("%s: %s", c.text, fault.Message)
			continue
		}
		_, _, err := x.Evaluate(activation(t), &Budget{})
		var got *Error
		if !errors.As(err, &got) {
			t.Errorf("%s: got %v, want an error", c.text, err)
			continue
		}
		if got.Message != c.error || got.Offset != c.offset || got.Reason != ExpressionFailed {
			t.Errorf("%s: got %s at %d: %s, want at %d: %s", c.text, got.Reason, got.Offset, got.Message, c.offset, c.error)
		}
	}
}

func TestAPodThatCannotBeReadIsAnError(t *testing.T) {
	for _, text := range []string{"${pod.spec.priority}", "${pod.spec.priority + 1}"} {
		in := activation(t)
		in.Pod = &pod{err: errors.New("bad\njson")}
		_, _, err := mustCompile(t, text, nil).Evaluate(in, &Budget{})
		if err == nil || err.Error() != "the pod cannot be read: bad json" {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestAMissingAppHasNoFields(t *testing.T) {
	in := activation(t)
	in.App = nil
	value, _, err := mustCompile(t, `${app.?name.orValue("none")}`, text).Evaluate(in, &Budget{})
	if err != nil || value != "none" {
		t.Errorf("got %v, %v", value, err)
	}
	if _, _, err := mustCompile(t, "${app.name}", text).Evaluate(in, &Budget{}); err == nil {
		t.Error("app.name of no app is no error")
	}
}

func TestUsesNamesWhatIsRead(t *testing.T) {
	for text, want := range map[string]Uses{
		"plain":                       {},
		"x-${instance}":               {Instance: true},
		"${instance + string(index)}": {Instance: true, Index: true},
		"${params.text}-${params.count + params.port}": {Parameters: []string{"count", "port", "text"}},
		"${app.name}":                      {},
		"${app.?image.orValue('')}":        {},
		"${app.env.map(e, e.name)}":        {},
		"${pod.metadata.name + 'x'}":       {},
		"${pod.metadata.namespace}":        {},
		"${pod.metadata.labels.app}":       {},
		"${has(pod.spec.nodeName)}":        {},
		"${size(pod.spec.containers)}":     {},
		"${cluster.?x.orValue('')}":        {Cluster: true},
		"${namespaceObject.metadata.name}": {},
		"${['a'].map(instance, instance)}": {},
	} {
		got := mustCompile(t, text, nil).Uses()
		got.Paths = nil // see the next test
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestWhatMayBeAbsentIsKnown(t *testing.T) {
	for text, want := range map[string]bool{
		"plain ${params.text}${instance}": false,
		"${app.name}":                     false, "${app.?image.orValue('')}": true, "${app.name == app.image}": true,
		"${app.env.map(e, e.name)}":                     true,
		"${pod.metadata.name + pod.metadata.namespace}": false, "${pod.metadata.labels.app}": true,
		"${has(pod.spec.nodeName)}": true, "${cluster.?x.orValue('')}": true, "${namespaceObject.metadata.name}": true,
	} {
		if got := mustCompile(t, text, nil).Uses().MayBeAbsent(); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestUsesNamesThePathsThatAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"plain ${params.text}":      "",
		"${app.name}":               "app.name",
		"${app.?image.orValue('')}": "app.image",
		"${app}":                    "app",
		"${app.env.map(e, e.name)}": "app.env",
		"${has(pod.spec.nodeName) && size(pod.spec.containers) > 1}":                                      "pod.spec.containers pod.spec.nodeName",
		"${pod.metadata.?labels[?'a/b'].orValue(pod.metadata.name)}":                                      "pod.metadata.labels pod.metadata.name",
		"${pod.metadata.labels.app}-${size(pod.metadata.labels)}":                                         "pod.metadata.labels",
		"${app.?securityContext.?runAsUser.or(pod.spec.?securityContext.?runAsUser).orValue(1)}":          "app.securityContext.runAsUser pod.spec.securityContext.runAsUser",
		"${namespaceObject.metadata.?annotations[?'x'].hasValue() ? 'a' : namespaceObject.metadata.name}": "namespaceObject.metadata.annotations namespaceObject.metadata.name",
		"${pod.spec.containers.exists(c, c.name == app.name)}":                                            "app.name pod.spec.containers",
	} {
		var got []string
		for _, p := range mustCompile(t, text, nil).Uses().Paths {
			got = append(got, strings.Join(append([]string{p.Root}, p.Fields...), "."))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", text, strings.Join(got, " "), want)
		}
	}
}
