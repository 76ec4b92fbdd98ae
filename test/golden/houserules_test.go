package golden_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kjson "sigs.k8s.io/json"
)

// openShift is the annotation with which OpenShift assigns a range of user IDs to a namespace.
const openShift = "openshift.io/sa.scc.uid-range"

// checkHouseRules checks what the built-in templates add to a pod.
func checkHouseRules(t *testing.T, c *goldenCase) {
	_, before, err := parse(c.inputName, c.input)
	must(t, err)
	_, after, err := parse(c.wantName(), c.want)
	must(t, err)
	for i := range after {
		own, all := decode(t, before[i].request.Pod), decode(t, after[i].request.Pod)
		_, onOpenShift := before[i].request.Namespace.Annotations[openShift]
		a := added{t: t, own: own, all: all, openShift: onOpenShift}
		a.check()
	}
}

// added is what was added to a pod.
type added struct {
	t                          *testing.T
	own, all                   *corev1.Pod
	openShift                  bool
	initContainers, containers []corev1.Container
	volumes                    []corev1.Volume
}

func (a *added) check() {
	a.initContainers = without(a.all.Spec.InitContainers, a.own.Spec.InitContainers, containerName)
	a.containers = without(a.all.Spec.Containers, a.own.Spec.Containers, containerName)
	a.volumes = without(a.all.Spec.Volumes, a.own.Spec.Volumes, func(v corev1.Volume) string { return v.Name })
	a.checkSecurity()
	a.checkPorts()
	for _, container := range slices.Concat(a.initContainers, a.containers) {
		a.checkContainer(&container)
	}
	for _, v := range a.volumes {
		if v.EmptyDir != nil && (v.EmptyDir.SizeLimit == nil || v.EmptyDir.SizeLimit.IsZero()) {
			a.t.Errorf("volume %s: an emptyDir without sizeLimit", v.Name)
		}
	}
}

func containerName(c corev1.Container) string { return c.Name }

func without[T any](all, own []T, name func(T) string) []T {
	return slices.DeleteFunc(slices.Clone(all), func(x T) bool {
		return slices.ContainsFunc(own, func(y T) bool { return name(x) == name(y) })
	})
}

// checkSecurity evaluates the added containers and volumes as a pod of their own, without the pod's security
// context, against the level restricted.
func (a *added) checkSecurity() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(a.t, err)
	spec := &corev1.PodSpec{InitContainers: a.initContainers, Containers: a.containers, Volumes: a.volumes}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &a.all.ObjectMeta, spec))
	if !result.Allowed {
		a.t.Errorf("Pod Security restricted: %s", result.ForbiddenDetail())
	}
}

// checkPorts reports two containers that listen on one port, and port 8080.
func (a *added) checkPorts() {
	taken := map[string]string{}
	for _, c := range slices.Concat(a.all.Spec.InitContainers, a.all.Spec.Containers) {
		for _, p := range c.Ports {
			key := fmt.Sprintf("%d/%s", p.ContainerPort, p.Protocol)
			if other, ok := taken[key]; ok {
				a.t.Errorf("container %s: port %s is container %s's", c.Name, key, other)
			}
			taken[key] = c.Name
		}
	}
	for _, c := range slices.Concat(a.initContainers, a.containers) {
		for _, p := range c.Ports {
			if p.ContainerPort == 8080 {
				a.t.Errorf("container %s: port 8080", c.Name)
			}
		}
	}
}

// pinned matches an image with a tag that names a release.
var pinned = regexp.MustCompile(`^[^:]+/[^:]+:v?[0-9]+\.[0-9]+(\.[0-9]+)?$`)

func (a *added) checkContainer(c *corev1.Container) {
	fault := func(format string, args ...any) {
		a.t.Helper()
		a.t.Errorf("container %s: %s", c.Name, fmt.Sprintf(format, args...))
	}
	if !pinned.MatchString(c.Image) {
		fault("image %s: want a pinned tag", c.Image)
	}
	if c.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
		fault("terminationMessagePolicy %q", c.TerminationMessagePolicy)
	}
	a.checkResources(c, fault)
	security := c.SecurityContext
	if security == nil || security.ReadOnlyRootFilesystem == nil || !*security.ReadOnlyRootFilesystem {
		fault("its root file system can be written")
	}
	if security != nil {
		a.checkUser(security.RunAsUser, fault)
	}
	a.checkProbes(c, fault)
	for _, m := range c.VolumeMounts {
		if m.MountPath == "/etc/passwd" { // a file mounted by subPath: it never changes, and its folder has other files
			continue
		}
		if m.SubPath != "" || m.SubPathExpr != "" {
			fault("mount %s has a subPath", m.MountPath)
		}
	}
	for _, text := range shellTexts(c) {
		if strings.Contains(text, "hostile") {
			fault("a parameter's value stands in the shell text %q", text)
		}
	}
}

func (a *added) checkResources(c *corev1.Container, fault func(string, ...any)) {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if q, ok := c.Resources.Requests[name]; !ok || q.IsZero() {
			fault("no request for %s", name)
		}
	}
	if q, ok := c.Resources.Limits[corev1.ResourceMemory]; !ok || q.Cmp(resource.MustParse("0")) == 0 {
		fault("no memory limit")
	}
	if _, ok := c.Resources.Limits[corev1.ResourceCPU]; ok {
		fault("a cpu limit")
	}
}

func (a *added) checkUser(user *int64, fault func(string, ...any)) {
	switch {
	case a.openShift && user != nil:
		fault("user %d, but OpenShift chooses the user", *user)
	case !a.openShift && (user == nil || *user == 0):
		fault("no numeric user other than 0")
	}
}

func (a *added) checkProbes(c *corev1.Container, fault func(string, ...any)) {
	native := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	if native && c.StartupProbe == nil && !strings.Contains(c.Image, "blackbox") {
		fault("a native sidecar without startup probe")
	}
	a.checkPreStop(c, fault)
	if stays := native || slices.ContainsFunc(a.containers, func(x corev1.Container) bool { return x.Name == c.Name }); stays && c.LivenessProbe == nil {
		fault("no liveness probe")
	}
}

// checkPreStop: a hook may sleep, for at most the pod's grace period, as the API server requires too. A hook
// that ends a native sidecar would cause a restart of it.
func (a *added) checkPreStop(c *corev1.Container, fault func(string, ...any)) {
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
		return
	}
	grace := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if a.all.Spec.TerminationGracePeriodSeconds != nil {
		grace = *a.all.Spec.TerminationGracePeriodSeconds
	}
	switch wait := c.Lifecycle.PreStop.Sleep; {
	case wait == nil:
		fault("a preStop hook that is no wait")
	case wait.Seconds < 1 || wait.Seconds > grace:
		fault("a preStop wait of %d s in a pod that has %d s", wait.Seconds, grace)
	}
}

// shellTexts returns the texts that a shell executes.
func shellTexts(c *corev1.Container) []string {
	var texts []string
	command := func(words []string) {
		if len(words) > 2 && strings.HasSuffix(words[0], "sh") && words[1] == "-c" {
			texts = append(texts, words[2])
		}
	}
	command(c.Command)
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
		if probe != nil && probe.Exec != nil {
			command(probe.Exec.Command)
		}
	}
	return texts
}

func decode(t *testing.T, data []byte) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	must(t, kjson.UnmarshalCaseSensitivePreserveInts(data, pod))
	return pod
}
