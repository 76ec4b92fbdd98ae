package load

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// allocated returns the number of objects and bytes that a call allocates.
func allocated(call func()) (objects, bytes float64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc)
}

// TestATemplateOfTwiceTheSizeIsTwiceTheWork compares the allocations of loading, for every part of a template
// that its author can enlarge.
func TestATemplateOfTwiceTheSizeIsTwiceTheWork(t *testing.T) {
	pod := podOf("", `"args":["a"]`)
	one := `"parameters":[{"name":"p","type":"string","default":"v1"}],` + podOf("", `"args":["${params.p}"]`)
	for name, spec := range map[string]func(n int) string{
		"enum": func(n int) string {
			return `"parameters":[{"name":"p","type":"string","default":"v1","enum":[` + numbered(n, `"v#"`) + `]}],` + podOf("", `"args":["${params.p}"]`)
		},
		"enum of one value": func(n int) string {
			return `"parameters":[{"name":"p","type":"string","enum":[` + numbered(n, `"v"`) + `]}],` + pod
		},
		"enum of a shell": func(n int) string {
			return `"parameters":[{"name":"p","type":"string","default":"v1","enum":[` + numbered(n, `"v#"`) + `]}],` + podOf("", `"command":["sh","-c","x","${params.p}"]`)
		},
		"overrides":                func(n int) string { return `"overrides":[` + numbered(n, `"env"`) + `],` + pod },
		"overrides without a name": func(n int) string { return `"overrides":[` + numbered(n, `"env#"`) + `],` + pod },
		"supports":                 func(n int) string { return `"supports":[` + numbered(n, `"Windows"`) + `],` + pod },
		"containers":               func(n int) string { return `"app":{"containers":[` + numbered(n, `"c#"`) + `],"env":[]},` + pod },
		"parameters of an example": func(n int) string {
			return one + `,"examples":[{"name":"a","parameters":{` + numbered(n, `"q#":"x"`) + `}}]`
		},
		"labels": func(n int) string { return `"pod":{"metadata":{"labels":{` + numbered(n, `"l#":"v"`) + `}}}` },
		"labels with a computed one": func(n int) string {
			return `"pod":{"metadata":{"labels":{` + numbered(n, `"l#":"v"`) + `,"${instance}-x":"y"}}}`
		},
		"volumes": func(n int) string {
			return podOf(`"volumes":[`+numbered(n, `{"name":"v#","emptyDir":{}}`)+`],`, `"args":[]`)
		},
		"variables": func(n int) string { return podOf("", `"env":[`+numbered(n, `{"name":"V#","value":"#"}`)+`]`) },
		"variables of one name": func(n int) string {
			return podOf("", `"command":["sh","-c","$(V)"],"env":[`+numbered(n, `{"name":"V","value":"#"}`)+`]`)
		},
		"variables that hold one": func(n int) string {
			return podOf("", `"command":["sh","-c","$(V)"],"env":[{"name":"V","value":"`+strings.Repeat("x", 40_000)+`"},`+numbered(n, `{"name":"V#","value":"$(V)$(V)"}`)+`]`)
		},
		"words that are shells": func(n int) string {
			return `"parameters":[{"name":"p","type":"string","default":"v1"}],` + podOf("", `"command":["su","powershell","-wd"],"args":["${params.p}",`+numbered(n, `"su","cmd","powershell","-wd"`)+`]`)
		},
		"ports": func(n int) string { return podOf("", `"ports":[`+numbered(n, `{"containerPort":#}`)+`]`) },
		"mounts": func(n int) string {
			return podOf("", `"volumeMounts":[`+numbered(n, `{"name":"m#","mountPath":"/#"}`)+`]`)
		},
		"requests": func(n int) string {
			return podOf("", `"resources":{"requests":{`+numbered(n, `"a/r#":1`)+`},"limits":{`+numbered(n, `"a/r#":1`)+`}}`)
		},
		"values of a selector": func(n int) string {
			return pod + `,"match":{"podSelector":{"matchExpressions":[{"key":"a","operator":"In","values":[` + numbered(n/8, `"v#"`) + `]}]}}`
		},
		"rules of permissions": func(n int) string {
			return pod + `,"permissions":[` + numbered(n, `{"apiGroups":[""],"resources":["r#"],"verbs":["get"]}`) + `]`
		},
		"fields that nobody knows": func(n int) string { return numbered(n, `"descriptio#":1`) + `,` + pod },
		"a long text":              func(n int) string { return podOf("", `"args":["`+strings.Repeat("x", 100*n)+`${instance}"]`) },
		"a long name":              func(n int) string { return podOf("", `"`+strings.Repeat("x", 100*n)+`":1`) },
		"texts of expressions": func(n int) string {
			return one + `,"app":{"env":[` + repeated(n/100, func(i int) string { return fmt.Sprintf(`{"name":"V%d","value":"${['a%d','b'][0]}"}`, i, i) }) + `]}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 4000
			loadSpec(spec(8)) // caches filled once per process
			var objects, bytes [2]float64
			for i := range objects {
				text := spec(n << i)
				objects[i], bytes[i] = allocated(func() { loadSpec(text) })
			}
			// Growing maps and slices double their capacity now and then, hence the limit above twice the
			// bytes.
			if o, b := objects[1]/objects[0], bytes[1]/bytes[0]; o > 2.2 || b > 2.8 {
				t.Errorf("at twice the size %.2f times the objects (%.0f), %.2f times the bytes (%.0f)", o, objects[1], b, bytes[1])
			}
		})
	}
}

func TestAValueIsComparedWithAnEnumOfAnyLength(t *testing.T) {
	bind := func(n int) func() {
		entry := loadSpec(`"parameters":[{"name":"p","type":"list<string>","enum":[` + numbered(n, `"v#"`) + `]}],` + podOf("", `"args":"${params.p}"`))
		if entry.Template == nil {
			t.Fatalf("%+v", entry.Findings)
		}
		items := strings.Repeat("v1,", 1000)
		return func() {
			if _, faults := entry.Template.Bind(func(string) (string, bool) { return items, true }); len(faults) > 0 {
				t.Fatal(faults)
			}
		}
	}
	few, _ := allocated(bind(1000))
	many, _ := allocated(bind(40_000))
	if many > few*1.1 {
		t.Errorf("%.0f objects with 40,000 values, %.0f with 1,000", many, few)
	}
}

func TestPatternsHaveABoundOfStepsForAllParametersTogether(t *testing.T) {
	entry := loadSpec(`"parameters":[` + numbered(20, `{"name":"p#","type":"string","pattern":"(a?){900}b*"}`) + `],` +
		podOf("", `"args":[`+numbered(20, `"${params.p#}"`)+`]`))
	if entry.Template == nil {
		t.Fatalf("%+v", entry.Findings)
	}
	long := strings.Repeat("b", 100)
	_, faults := entry.Template.Bind(func(string) (string, bool) { return long, true })
	if len(faults) == 0 || len(faults) == 20 {
		t.Fatalf("%d faults", len(faults))
	}
	if want := `parameter "p19": 100 bytes are too many to be compared with its pattern`; faults[len(faults)-1].Error() != want {
		t.Errorf("%s", faults[len(faults)-1])
	}
}

func TestAllRenderingsOfALoadHaveABound(t *testing.T) {
	dear := repeated(12, func(i int) string {
		return fmt.Sprintf(`"${string(lists.range(2000).map(i, i + %d).map(i, i * 2).sum() + (native ? 1 : 0))}"`, i)
	})
	load := func(examples int) []templates.Finding {
		return loadSpec(podOf("", `"args":[`+dear+`]`) + `,"examples":[` + numbered(examples, `{"name":"e#"}`) + `]`).Findings
	}
	if findings := load(1); len(findings) != 1 || findings[0].Reason != templates.MissingRequests {
		t.Fatalf("%v", findings)
	}
	findings := load(100)
	if len(findings) == 0 || findings[0].Reason != templates.ExpressionCost || findings[0].Path != "spec.examples" {
		t.Fatalf("%v", findings)
	}
}

func TestAMatchComparesWithAThousandValues(t *testing.T) {
	for n, want := range map[int]templates.FindingReason{999: templates.MissingRequests, 1000: templates.TooLarge} {
		entry := loadSpec(podOf("", `"args":["a"]`) + `,"match":{"namespaceSelector":{"matchExpressions":[{"key":"a","operator":"In","values":[` + numbered(n, `"v#"`) + `]}]}}`)
		if entry.Findings[0].Reason != want {
			t.Errorf("%d values: %v", n, entry.Findings)
		}
	}
}
