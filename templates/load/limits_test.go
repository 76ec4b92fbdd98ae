package load

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// repeated returns the results of item for the numbers below n, separated by commas.
func repeated(n int, item func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return strings.Join(items, ",")
}

// numbered returns the format with each number in place of #, separated by commas.
func numbered(n int, format string) string {
	return repeated(n, func(i int) string { return strings.ReplaceAll(format, "#", fmt.Sprint(i)) })
}

func podOf(spec, container string) string {
	return `"pod":{"spec":{` + spec + `"containers":[{"name":"x","image":"y",` + container + `}]}}`
}

func specDocument(spec string) string {
	return `{"spec":{` + spec + `},"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"ClusterSidecarTemplate"`
}

// loadSpec loads a spec's members as a resource of the cluster.
func loadSpec(spec string) templates.Entry {
	return NewLoader().LoadResource(Resource{Kind: "ClusterSidecarTemplate", Name: "x", Content: []byte(specDocument(spec) + "}")})
}

// loadLine loads a spec's members as a file of one line.
func loadLine(spec string) templates.Entry {
	return Load("directory", "x.json", []byte(specDocument(spec)+`,"metadata":{"name":"x"}}`))[0]
}

// A template whose loading does not end reaches the time limit of the test program.
func TestTheLargestTemplatesLoadAndTheirFindingsAreBounded(t *testing.T) {
	parameters := `"parameters":[` + numbered(200, `{"name":"p#","type":"string","default":"x"}`) + `],`
	for name, spec := range map[string]string{
		"as many expressions as may be":  podOf("", `"args":[`+numbered(500, `"${string(#)}"`)+`]`),
		"expressions that a shell reads": parameters + podOf("", `"command":["sh","-c"],"args":[`+numbered(200, `"${params.p# == 'sh' ? '#' : 'x'}"`)+`]`),
		"far too many expressions":       podOf("", `"args":[`+numbered(40_000, `"${instance}-#"`)+`]`),
		"far too many in one text":       podOf("", `"args":["`+strings.Repeat("${instance}", 100_000)+`"]`),
		"mounts of other volumes": podOf(`"volumes":[`+numbered(8000, `{"name":"v#","emptyDir":{}}`)+`],`,
			`"volumeMounts":[`+numbered(8000, `{"name":"m#","mountPath":"/#"}`)+`]`),
		"variables that hold each other": podOf("", `"command":["sh","-c","$(V49)"],"env":[`+repeated(50, func(i int) string {
			return fmt.Sprintf(`{"name":"V%d","value":"%s"}`, i, strings.Repeat(fmt.Sprintf("x$(V%d)", i-1), 4000))
		})+`]`),
		"references without an end":     podOf("", `"command":["sh","-c","`+strings.Repeat("$(", 400_000)+`"]`),
		"one variable many times":       podOf("", `"command":["sh","-c","$(A)"],"env":[`+numbered(10_000, `{"name":"A","value":"`+strings.Repeat("x", 80)+`"}`)+`]`),
		"as many examples as may be":    podOf("", `"args":["a"]`) + `,"examples":[` + numbered(150, `{"name":"e#"}`) + `]`,
		"expressions for each example":  podOf("", `"args":[`+numbered(300, `"${native ? string(#) : instance}"`)+`]`) + `,"examples":[` + numbered(80, `{"name":"e#"}`) + `]`,
		"far too many examples":         podOf("", `"args":["a"]`) + `,"examples":[` + numbered(40_000, `{"name":"e#"}`) + `]`,
		"far too many parameters":       `"parameters":[` + numbered(16_000, `{"name":"p#","type":"string"}`) + `],` + podOf("", `"args":["a"]`),
		"far too many values":           podOf("", `"args":[`+numbered(200_000, `"a"`)+`]`),
		"as many values as may be":      podOf("", `"args":[`+numbered(49_000, `"a"`)+`]`),
		"words for a shell":             parameters + podOf("", `"command":["sh","-c"],"args":["${params.p0}",`+numbered(48_000, `"sh"`)+`]`),
		"blanks before an expression":   podOf("", `"args":["`+strings.Repeat(" ", 800_000)+`${instance}"]`),
		"fields that nobody knows":      numbered(40_000, `"descriptio#":1`),
		"expressions that cannot be":    podOf("", `"args":[`+numbered(500, `"${instanc#}"`)+`]`),
		"a name of many characters":     podOf("", `"`+strings.Repeat("x", 1000)+`":1`),
		"labels whose names are chosen": `"pod":{"metadata":{"labels":{` + numbered(250, `"${instance}-#":"${instance}"`) + `,` + numbered(16_000, `"a#":"b"`) + `}}}`,
	} {
		for kind, load := range map[string]func(string) templates.Entry{"a resource": loadSpec, "a line": loadLine} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				findings := load(spec).Findings
				size := 0
				for _, f := range findings {
					size += len(f.String()) + len(f.Hint)
				}
				if len(findings) > 202 || size > 64<<10 {
					t.Errorf("%d findings in %d bytes", len(findings), size)
				}
			})
		}
	}
}

// TestAnExpressionOfALongLineCostsNoMoreThanOneOfAShortLine counts the bytes that loading
// allocates, which do not depend on how busy the machine is.
func TestAnExpressionOfALongLineCostsNoMoreThanOneOfAShortLine(t *testing.T) {
	const few, times = 60, 8
	spec := func(n int) string {
		return podOf("", `"args":[`+numbered(n, `"`+strings.Repeat("x", 1000)+`${instance}"`)+`]`)
	}
	for name, load := range map[string]func(string) templates.Entry{"a resource": loadSpec, "a file": loadLine} {
		allocated := func(n int) uint64 {
			text := spec(n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			entry := load(text)
			runtime.ReadMemStats(&after)
			if entry.Broken() {
				t.Fatal(entry.Findings)
			}
			return after.TotalAlloc - before.TotalAlloc
		}
		if one, many := allocated(few), allocated(few*times); many > 3*times*one {
			t.Errorf("%s: %d expressions take %d bytes and %d take %d", name, few, one, few*times, many)
		}
	}
}

func TestTheLimitsOfATemplate(t *testing.T) {
	for name, c := range map[string]struct{ allowed, refused, want string }{
		"expressions": {
			podOf("", `"args":[`+numbered(500, `"${instance}"`)+`]`), podOf("", `"args":[`+numbered(501, `"${instance}"`)+`]`),
			"error: spec: the template has 501 expressions, at most 500 are allowed [TooLarge]",
		},
		"text of expressions": {
			podOf("", `"args":[`+numbered(8, `"${'`+strings.Repeat("x", 4000)+`'+'#'}"`)+`]`), podOf("", `"args":[`+numbered(9, `"${'`+strings.Repeat("x", 4000)+`'+'#'}"`)+`]`),
			"error: spec: the template's expressions have 36054 bytes, at most 32768 are allowed [TooLarge]",
		},
		"parameters": {
			`"parameters":[` + numbered(200, `{"name":"p#","type":"string"}`) + `],` + podOf("", `"args":["a"]`),
			`"parameters":[` + numbered(201, `{"name":"p#","type":"string"}`) + `],` + podOf("", `"args":["a"]`),
			"error: spec.parameters: the template has 201 parameters, at most 200 are allowed [TooLarge]",
		},
		"values": {
			podOf("", `"args":[`+numbered(49_000, `"a"`)+`]`), podOf("", `"args":[`+numbered(50_000, `"a"`)+`]`),
			"error: spec: the template has 50008 values, at most 50000 are allowed [TooLarge]",
		},
		"examples": {
			podOf("", `"args":[`+numbered(4900, `"a"`)+`]`) + `,"examples":[` + numbered(9, `{"name":"e#"}`) + `]`,
			podOf("", `"args":[`+numbered(4900, `"a"`)+`]`) + `,"examples":[` + numbered(10, `{"name":"e#"}`) + `]`,
			"error: spec.examples: the template has 4929 values and 10 examples, each of which is rendered; at most 50000 values are allowed in all [TooLarge]",
		},
		"a megabyte of variables": {
			podOf("", `"env":[`+numbered(7800, `{"name":"VALUE_#","value":"`+strings.Repeat("v", 100)+`"}`)+`]`), podOf("", `"env":[`+numbered(17_000, `{"name":"VALUE_#","value":""}`)+`]`),
			"error: spec: the template has 51008 values, at most 50000 are allowed [TooLarge]",
		},
	} {
		if entry := loadSpec(c.allowed); entry.Broken() {
			t.Errorf("%s: %s", name, entry.Findings[0])
		}
		if entry := loadSpec(c.refused); !entry.Broken() || entry.Findings[0].String() != c.want {
			t.Errorf("%s: got %v\nwant %s", name, entry.Findings, c.want)
		}
	}
}

// TestWhatEachRepeatsIsCounted: a constant item is made once for each element, and rendered once for each
// example.
func TestWhatEachRepeatsIsCounted(t *testing.T) {
	volumes := func(n, sources int) string {
		return `"volumes":[` + numbered(n, `{"$each":"${lists.range(64)}","name":"v#-${eachIndex}","projected":{"sources":[`+strings.ReplaceAll(numbered(sources, `{"configMap":{"name":"a#"}}`), "#", "")+`]}}`) + `],`
	}
	texts := func(n int) string {
		return `"env":[` + numbered(n, `{"$each":"${lists.range(64)}","name":"V#_${eachIndex}","value":"`+strings.Repeat("x", 2000)+`"}`) + `]`
	}
	examples := `,"examples":[` + numbered(50, `{"name":"e#"}`) + `]`
	for name, c := range map[string]struct{ allowed, refused string }{
		"values":                  {podOf(volumes(2, 100), `"args":[]`), podOf(volumes(4, 100), `"args":[]`)},
		"texts":                   {podOf("", texts(10)), podOf("", texts(13))},
		"values for each example": {podOf(volumes(1, 10), `"args":[]`) + examples, podOf(volumes(1, 60), `"args":[]`) + examples},
	} {
		if entry := loadSpec(c.allowed); entry.Broken() {
			t.Errorf("%s: %s", name, entry.Findings[0])
		}
		if entry := loadSpec(c.refused); !entry.Broken() || entry.Findings[0].Reason != templates.FindingReason("ExpressionCost") {
			t.Errorf("%s: got %v", name, entry.Findings)
		}
	}
}

func TestEachOfWhatIsNoListIsAFault(t *testing.T) {
	for list, broken := range map[string]bool{"${dyn(1)}": true, "${dyn('x')}": true, "${dyn(true)}": true, "${dyn([1])}": false, "${dyn({'a': 1})}": false, "${optional.none()}": false} {
		entry := loadSpec(`"pod":{"spec":{"imagePullSecrets":[{"$each":"` + list + `","name":"x"}],"containers":[{"name":"x","image":"y"}]}}`)
		if entry.Broken() != broken {
			t.Errorf("%s: %v", list, entry.Findings)
		}
	}
}

func TestAHundredErrorsAreToldAndThatThereAreMore(t *testing.T) {
	for n, want := range map[int]int{100: 100, 101: 101, 5000: 101} {
		findings := loadSpec(numbered(n, `"descriptio#":1`) + `,"pod":{"metadata":{"labels":{"a":"b"}}}`).Findings
		if len(findings) != want {
			t.Errorf("%d errors: %d findings", n, len(findings))
		}
		if last := findings[len(findings)-1]; (last.Reason == templates.TooManyFindings) != (n > 100) || findings[0].Reason != templates.UnknownField {
			t.Errorf("%d errors: first %s, last %s", n, findings[0], last)
		}
	}
}
