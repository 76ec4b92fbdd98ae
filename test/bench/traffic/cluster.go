package traffic

import (
	"fmt"
	"math/rand/v2"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Cluster describes the size of a simulated cluster. The same values always generate the same cluster.
type Cluster struct {
	Namespaces, Templates, Workloads int
	Seed                             uint64
}

// Workload is a Deployment or similar object, of which pods are created repeatedly.
type Workload struct {
	Pod *corev1.Pod
	// Asks is the number of sidecars that its pods request by their own annotations.
	Asks int
}

// The shares of a realistic mix, in percent.
const (
	askingForOne         = 25 // of the workloads
	askingForSeveral     = 5
	givingParameters     = 30 // of those that ask
	askingBuiltIn        = 50 // of those that ask
	selectingTemplates   = 10 // of the templates
	labelledForSelection = 2  // of the workloads: selected by one of those templates
	askingNamespaces     = 2  // of the namespaces: all their pods get a sidecar
)

// The keys that the simulated cluster uses.
const (
	requestAnnotation = "sidecar-injector.dev/inject"
	parameterSuffix   = ".sidecar-injector.dev/"
	injectionLabel    = "sidecar-injector.dev/injection"
	tierLabel         = "example.com/tier"
)

// TemplateFiles returns the cluster's own templates, all different; some select pods by a label.
func (c Cluster) TemplateFiles() Collection {
	files := Collection{}
	for i := range c.Templates {
		match := ""
		if i < c.selecting() {
			match = fmt.Sprintf(`{podSelector: {matchLabels: {%s: tier-%03d}}}`, tierLabel, i)
		}
		files[templateName(i)+".yaml"] = Template(templateName(i), match, i)
	}
	return files
}

func (c Cluster) selecting() int { return c.Templates * selectingTemplates / 100 }

func templateName(i int) string { return fmt.Sprintf("collector-%04d", i) }

func namespaceName(i int) string { return fmt.Sprintf("team-%04d", i) }

// NamespaceFile returns the namespaces as YAML. All are opted in, because the API server calls the webhook
// for no others.
func (c Cluster) NamespaceFile() string {
	random := rand.New(rand.NewPCG(c.Seed, 1))
	var b strings.Builder
	for i := range c.Namespaces {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n  labels: {kubernetes.io/metadata.name: %[1]s, %s: enabled, example.com/team: t%[3]d}\n"+
			"  annotations: {example.com/owner: team-%[3]d@example.com, example.com/cost-centre: \"%[3]d\"", namespaceName(i), injectionLabel, i)
		if random.IntN(100) < askingNamespaces {
			fmt.Fprintf(&b, ", %s: log-collector", requestAnnotation)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// WorkloadList returns the workloads, each with a namespace, a shape and its requests: most request nothing,
// some one sidecar, few several.
func (c Cluster) WorkloadList() []Workload {
	random := rand.New(rand.NewPCG(c.Seed, 2))
	list := make([]Workload, c.Workloads)
	for i := range list {
		pod := c.shape(random)
		name := fmt.Sprintf("%s-%04d", pod.Labels["app.kubernetes.io/name"], i)
		pod.Namespace = namespaceName(random.IntN(c.Namespaces))
		pod.GenerateName = name + "-6b7f9c8d54-"
		pod.OwnerReferences[0].Name = name + "-6b7f9c8d54"
		pod.Labels["app.kubernetes.io/instance"] = name
		if random.IntN(100) < labelledForSelection && c.selecting() > 0 {
			pod.Labels[tierLabel] = fmt.Sprintf("tier-%03d", random.IntN(c.selecting()))
		}
		list[i] = Workload{Pod: pod}
		switch p := random.IntN(100); {
		case p < askingForSeveral:
			list[i].Asks = 2 + random.IntN(3)
		case p < askingForSeveral+askingForOne:
			list[i].Asks = 1
		}
		c.ask(random, &list[i])
	}
	return list
}

// shape returns a random pod: most are small, a few are large.
func (c Cluster) shape(random *rand.Rand) *corev1.Pod {
	switch p := random.IntN(100); {
	case p < 55:
		return Small()
	case p < 90:
		return Grafana()
	case p < 99:
		return Crowded(2+random.IntN(4), random.IntN(40))
	default:
		return Crowded(30, 200)
	}
}

// ask sets the annotations of a workload's requests. Instances write to folders of their own, because two
// volumes cannot be mounted at one path.
func (c Cluster) ask(random *rand.Rand, w *Workload) {
	var asked []string
	builtIn := false
	for i := range w.Asks {
		instance := fmt.Sprintf("logs-%d", i)
		template := templateName(c.selecting() + random.IntN(c.Templates-c.selecting()))
		if !builtIn && random.IntN(100) < askingBuiltIn {
			template, builtIn = "log-collector", true
		}
		asked = append(asked, instance+"="+template)
		if template != "log-collector" && i == 0 && random.IntN(100) < givingParameters {
			w.Pod.Annotations[instance+parameterSuffix+"level"] = "debug"
		}
		if template == "log-collector" {
			w.Pod.Annotations[instance+parameterSuffix+"logDir"] = "/var/log/built-in"
		}
	}
	if len(asked) > 0 {
		w.Pod.Annotations[requestAnnotation] = strings.Join(asked, ", ")
	}
}
