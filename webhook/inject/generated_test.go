package inject_test

import (
	"fmt"
	"strings"
)

// choices turns the bytes of a fuzzer into decisions; when they are used up, each decision is the first
// option.
type choices struct {
	left []byte
	each bool // within an item with $each
	made int  // items so far, for names that differ
}

func (c *choices) below(n int) int {
	if len(c.left) == 0 || n < 2 {
		return 0
	}
	b := int(c.left[0])
	c.left = c.left[1:]
	return b % n
}

func (c *choices) of(list []string) string { return list[c.below(len(list))] }

// rarely returns true with a probability of 1/n, and never when the bytes are used up.
func (c *choices) rarely(n int) bool { return c.below(n) == n-1 }

// expressions has expressions by the type that a place takes, and others that fit some place or none.
var expressions = map[byte][]string{
	'S': {"instance", "params.s", "app.name", "params.p", "string(index)", "params.l.join('-')", "params.u", "pod.metadata.name", "params.s + params.p",
		"native ? 'a' : 'b'", "params.q", "params.d", "cluster.?registry.orValue('r')", "namespaceObject.metadata.name",
		"pod.metadata.?labels[?'app'].orValue('none')", "dyn(params.s)"},
	'I': {"index", "params.i", "8000 + index", "params.port", "params.l.size()", "dyn(params.i)"},
	'B': {"native", "params.b", "params.s != ''", "index == 0", "has(pod.spec.hostNetwork)", "dyn(params.b)", "pod.spec.?hostNetwork.orValue(false)"},
	'L': {"params.l", "['a'] + params.l", "params.l.map(x, x + instance)", "[params.s, instance]", "dyn(params.l)", "[dyn('a'), dyn(1)]", "params.l.filter(x, x != 'a')",
		"lists.range(3)", "pod.spec.containers.map(c, c.name)"},
	'E': {"params.l", "pod.spec.containers", "pod.spec.?volumes.orValue([])", "lists.range(2)", "['a', 'b']", "dyn(params.l)"},
	'e': {"string(eachIndex)", "each", "each.name", "string(eachIndex) + instance", "string(dyn(each))"},
	'?': {"each", "string(eachIndex)", "each.name", "optional.ofNonZeroValue(params.s)", "optional.ofNonZeroValue(params.i)", "optional.ofNonZeroValue(params.l)",
		"pod.metadata.?annotations[?'note']", "pod.spec.volumes.map(v, v.name)", "[[1]]", "[]", "params.s", "[dyn(1), dyn('a')]", "lists.range(100)", "pod.metadata.?labels.orValue({})", "null", "1.5", "params.num", "{'a': 'b'}", "{'a': dyn(1)}", "[{'name': 'x'}]", "[dyn({'name': dyn('x')})]", "dyn({'name': 'x', 'image': 'y'})", "dyn([{'name': 'x'}])",
		"[[1], [2]]", "{'a': {'b': [1]}}", "[null]", "dyn(null)", "pod.metadata.labels", "pod.spec.volumes", "pod", "app", "optional.none()", "optional.of(dyn({'a': 1}))",
		"b'x'", "duration('1s')", "timestamp('2020-01-01T00:00:00Z')", "type(1)", "1 / 0", "[][0]", "quantity('1')", "9223372036854775807", "-1", "''", "params", "cluster",
		"optional.of(null)", "optional.of(optional.none())", "'\\u0000'", "'$('", "params.s.split('')", "pod.spec.containers[9].name", "url('http://a')"},
}

// scalar returns a value of a type as one line of YAML.
func (c *choices) scalar(kind byte, written string) string {
	if c.below(5) < 3 {
		return written
	}
	list := languageOf(kind, expressions[kind])
	if c.each && kind == 'S' && c.rarely(2) {
		list = languageOf('e', expressions['e'])
	}
	if c.rarely(40) {
		list = languageOf('?', expressions['?'])
	}
	text := "${" + c.of(list) + "}"
	if kind == 'S' && c.rarely(4) {
		text = "x-" + text + c.of([]string{"", "-y", "${index}", "(A)", "$$(", "$"})
	}
	return quoted(text)
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// fill replaces the placeholders of a fragment: <S:written> is a string, I an integer, B a boolean, L a
// list.
func (c *choices) fill(fragment string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(fragment, "<")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		place, after, _ := strings.Cut(rest, ">")
		b.WriteString(c.scalar(place[0], place[2:]))
		fragment = after
	}
}

// some returns items of a list, each a fragment with $when, $each and the like.
func (c *choices) some(most int, fragments []string, words ...string) string {
	var items []string
	for range c.below(most + 1) {
		each := ""
		if c.each = c.rarely(5); c.each {
			list := languageOf('E', expressions['E'])
			if c.rarely(8) {
				list = expressions['?']
			}
			each = "$each: " + quoted("${"+c.of(list)+"}") + ", "
		}
		c.made++
		item := each + c.fill(strings.ReplaceAll(c.of(fragments), "#", fmt.Sprint(c.made)))
		if c.rarely(5) {
			item = c.fill("$when: <B:true>, ") + item
		}
		for _, word := range words {
			name, _, _ := strings.Cut(word, ":")
			if c.rarely(4) && !strings.Contains(item, ", "+name+":") {
				item += ", " + c.fill(word)
			}
		}
		c.each = false
		items = append(items, "{"+item+"}")
	}
	return "[" + strings.Join(items, ", ") + "]"
}

var (
	envs = []string{"name: <S:LEVEL_#>, value: <S:info>", "name: NAME, valueFrom: {fieldRef: {fieldPath: <S:metadata.name>}}",
		"name: KEY, valueFrom: {secretKeyRef: {name: <S:secret>, key: <S:key>, optional: <B:true>}}", "name: '${instance}', value: $(LEVEL)", "name: APP_ENV, value: <S:mine>",
		"name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: <S:1m>}}"}
	envFroms   = []string{"configMapRef: {name: <S:config>, optional: <B:false>}", "prefix: <S:P_>, secretRef: {name: <S:secret>}"}
	mounts     = []string{"name: data, mountPath: <S:/data-#>", "name: <S:data>, mountPath: /more/#, readOnly: <B:true>", "name: data, mountPath: /sub/#, subPath: <S:a/b>", "name: app-data, mountPath: <S:/app>"}
	devices    = []string{"name: data, devicePath: <S:/dev/x>"}
	ports      = []string{"containerPort: <I:900#>", "containerPort: <I:9001>, name: <S:web#>, protocol: UDP", "containerPort: 8080, hostPort: <I:0>"}
	volumes    = []string{"name: v-#, emptyDir: {sizeLimit: <S:64Mi>}", "name: <S:v-#>, configMap: {name: <S:config>, defaultMode: <I:420>, items: [{key: <S:a>, path: <S:b>}]}", "name: secret-#, secret: {secretName: <S:secret>}", "name: api-#, downwardAPI: {items: [{path: <S:labels>, fieldRef: {fieldPath: metadata.labels}}]}", "name: all-#, projected: {sources: [{secret: {name: <S:a>}}, {serviceAccountToken: {path: <S:t>, expirationSeconds: <I:3600>}}]}", "name: claim-#, persistentVolumeClaim: {claimName: <S:claim>}", "name: csi-#, csi: {driver: <S:d>, volumeAttributes: {a: <S:b>}}", "name: app-#, emptyDir: {}", "name: own-#, ephemeral: {volumeClaimTemplate: {spec: {accessModes: <L:[ReadWriteOnce]>, resources: {requests: {storage: <S:1Gi>}}}}}"}
	handlers   = []string{"httpGet: {path: <S:/>, port: <I:9000>}", "exec: {command: <L:[ls]>}", "tcpSocket: {port: <S:web>}"}
	words      = []string{"first", "last", "before:app", "after:app", "after:other", "after:side", "after:side-1", "before:side-2"}
	containers = []string{"name: <S:side>, image: <S:e/x:1>", "name: side-#, image: <S:e/x:1>", "name: 'side-#-${instance}', image: <S:e/x:1>, args: <L:[a]>", "name: '${app.name}-#', image: e/x, command: [<S:run>, <S:now>, '$(LEVEL)']", "name: '${instance}-#', image: e/x:2"}
)

// generatedTemplate returns a template document, which may be valid or not.
func generatedTemplate(c *choices, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: %s}\nspec:\n", name)
	line := func(indent int, format string, args ...any) {
		fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", indent), fmt.Sprintf(format, args...))
	}
	line(1, "parameters:")
	for _, p := range []string{"s, type: string", "p, type: path"} {
		line(1, "- {name: %s, default: %s}", p, c.of([]string{"a", "''", "web", "'x$'", "/a/b"}))
	}
	line(1, "- {name: u, type: url, default: 'http://a/%d'}", c.below(9))
	line(1, "- {name: q, type: quantity, default: 1%d}", c.below(9))
	line(1, "- {name: d, type: duration, default: 1%ds}", c.below(9))
	line(1, "- {name: i, type: integer, default: %d, minimum: -5}", c.below(9)-4)
	line(1, "- {name: num, type: number, default: %d.5}", c.below(9))
	line(1, "- {name: b, type: boolean, default: %v}", c.rarely(2))
	line(1, "- {name: port, type: port, default: %d}", 9000+c.below(4))
	line(1, "- {name: l, type: list<string>, default: %s}", c.of([]string{"[a, b]", "[]", "['$', '(A)']", "[app]"}))
	c.language(line)
	for _, member := range []string{"description: text", "overrides: [env, resources, image]", "failurePolicy: Ignore", "order: -7", "supports: [hostNetwork]", "completes: true", "keepOnDrain: true"} {
		if c.rarely(3) {
			line(1, "%s", member)
		}
	}
	if c.rarely(4) {
		line(1, "match: {podSelector: %s, namespaceSelector: {matchLabels: {a: b}}}", c.of([]string{"{}", "{matchLabels: {app: web}}", "{matchExpressions: [{key: app, operator: In, values: [web, api]}]}"}))
	}
	if c.rarely(4) {
		line(1, "examples: [{name: one, parameters: {s: x, l: [c], i: 3}}, {name: two}]")
	}
	if c.rarely(4) {
		line(1, "permissions: %s", c.some(2, []string{"apiGroups: [''], resources: [a], verbs: [b]", "apiGroups: [<S:apps>], resources: <L:[pods]>, verbs: <L:[get]>, namespaces: [<S:shop>]", "apiGroups: <L:[apps]>, resources: [<S:pods>], resourceNames: <L:[a]>, verbs: [list]"}))
	}
	if c.below(3) > 0 {
		line(1, "app:")
		line(2, "containers: %s", c.of([]string{"first", "all", "[app]", "[app, other]", "all, -other"}))
		if c.rarely(4) {
			line(2, "initContainers: true")
		}
		if c.rarely(4) {
			line(2, "sidecars: true")
		}
		if c.rarely(8) {
			line(2, "$when: %s", c.scalar('B', "true"))
		}
		if c.rarely(3) {
			line(2, "env: %s", c.some(3, appVariables, c.of(joinWords)))
		} else {
			line(2, "env: %s", c.some(3, envs))
		}
		line(2, "volumeMounts: %s", c.some(2, mounts))
		if c.rarely(4) {
			line(2, "envFrom: %s", c.some(2, envFroms))
			line(2, "volumeDevices: %s", c.some(1, devices))
		}
		if c.rarely(4) {
			line(2, "readinessProbe: {%s, periodSeconds: %s}", c.fill(c.of(handlers)), c.scalar('I', "3"))
			line(2, "lifecycle: {preStop: {%s}}", c.fill(c.of(handlers)))
		}
	}
	line(1, "pod:")
	if c.below(2) > 0 {
		line(2, "metadata:")
		line(3, "labels: {team: %s, %s: %s}", c.scalar('S', "a"), c.of([]string{"other", `"${instance}"`, `"a-${index}"`, `"${instance}-${index}"`}), c.scalar('S', "b"))
		line(3, "annotations: {note: %s, %s: %s}", c.scalar('S', "a"), c.of([]string{"b", `"e.com/${instance}"`, `"sidecar-injector.dev/config.${instance}"`, "team"}), c.scalar('S', "c"))
	}
	line(2, "spec:")
	for _, list := range []string{"initContainers", "containers"} {
		if c.rarely(4) && list == "containers" || list == "initContainers" {
			line(3, "%s: %s", list, c.containers(list))
		}
	}
	data := "{name: data, emptyDir: {}}, {name: app-data, emptyDir: {medium: Memory}}, "
	if c.rarely(8) {
		data = ""
	}
	line(3, "volumes: [%s%s", data, c.some(3, volumes)[1:])
	for _, member := range []string{"imagePullSecrets: [{name: <S:pull>}]", "hostAliases: [{ip: 10.0.0.1, hostnames: <L:[a]>}]", "tolerations: [{key: <S:k>, operator: Exists, tolerationSeconds: <I:3>, effect: NoExecute}]",
		"shareProcessNamespace: <B:true>", "dnsConfig: {nameservers: <L:[10.0.0.2]>, options: [{name: ndots, value: <S:'2'>}]}", "terminationGracePeriodSeconds: <I:60>", "securityContext: {fsGroup: <I:5>, supplementalGroups: [<I:6>]}"} {
		if c.rarely(5) {
			line(3, "%s", c.fill(member))
		}
	}
	return b.String()
}

func (c *choices) containers(list string) string {
	fields := []string{"resources: {requests: {cpu: <S:1m>, memory: 1Mi}, limits: {memory: <S:2Mi>}}", "$position: " + c.of(words), "$position: [" + c.of(words) + ", <S:first>]",
		"ports: " + c.some(2, ports), "env: " + c.some(3, envs), "volumeMounts: " + c.some(2, mounts), "envFrom: " + c.some(1, envFroms),
		"livenessProbe: {" + c.of(append(handlers, "grpc: {port: <I:9000>}")) + "}", "lifecycle: {postStart: {" + c.of(handlers) + "}}", "imagePullPolicy: <S:Always>", "workingDir: <S:/>", "stdin: <B:true>",
		"securityContext: {runAsUser: <I:5>, readOnlyRootFilesystem: <B:true>, capabilities: {drop: <L:[ALL]>}}", "resizePolicy: [{resourceName: cpu, restartPolicy: <S:NotRequired>}]"}
	if list == "initContainers" {
		fields = append([]string{"restartPolicy: <S:Always>", "restartPolicy: Always", "restartPolicy: Always", "restartPolicy: Always"}, fields...)
	}
	return c.some(3, containers, fields...)
}
