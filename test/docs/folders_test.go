package docs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// object has the fields that the examples' objects have in common, and some of certain kinds.
type object struct {
	APIVersion, Kind string
	Metadata         struct {
		Name        string
		Annotations map[string]string
	}
	Spec struct {
		Template corev1.PodTemplateSpec
	}
}

// exampleFolders returns the folders of examples, each with the objects that kubectl apply -f would apply.
func exampleFolders(t *testing.T) map[string][]object {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "examples"))
	must(t, err)
	folders := map[string][]object{}
	for _, entry := range entries {
		if !entry.IsDir() || entry.Name() == "injected" || entry.Name() == "templates" { // expected results; templates without workloads
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, "examples", entry.Name(), "*.[yj]*"))
		must(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			must(t, err)
			folders[entry.Name()] = append(folders[entry.Name()], objects(t, file, text)...)
		}
	}
	if len(folders) == 0 {
		t.Fatal("there are no examples")
	}
	return folders
}

func objects(t *testing.T, file string, text []byte) []object {
	t.Helper()
	var all []object
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, o)
	}
}

// kubectl apply -f applies every file of a folder: no object may be in it twice, no pod may be injected
// already, and the objects that the pods refer to must be included.
func TestEveryFolderOfExamplesCanBeAppliedAsItIs(t *testing.T) {
	for folder, all := range exampleFolders(t) {
		there := map[string]bool{}
		for _, o := range all {
			id := o.Kind + "/" + o.Metadata.Name
			if o.APIVersion == "" || o.Kind == "" || o.Metadata.Name == "" {
				t.Errorf("%s: %+v is no object", folder, o)
			}
			if there[id] {
				t.Errorf("%s: %s is there twice", folder, id)
			}
			there[id] = true
			for name := range o.Spec.Template.Annotations {
				if name == "sidecar-injector.dev/status" {
					t.Errorf("%s: %s is injected already", folder, id)
				}
			}
		}
		for _, o := range all {
			for _, needed := range needs(o.Spec.Template) {
				if !there[needed] {
					t.Errorf("%s: %s/%s needs %s, which no file of the folder has", folder, o.Kind, o.Metadata.Name, needed)
				}
			}
		}
	}
}

// needs returns the objects that a pod refers to, directly or in parameters.
func needs(pod corev1.PodTemplateSpec) []string {
	var all []string
	add := func(kind, name string) {
		if name != "" {
			all = append(all, kind+"/"+name)
		}
	}
	add("ServiceAccount", pod.Spec.ServiceAccountName)
	for _, v := range pod.Spec.Volumes {
		if v.ConfigMap != nil {
			add("ConfigMap", v.ConfigMap.Name)
		}
		if v.Secret != nil {
			add("Secret", v.Secret.SecretName)
		}
	}
	for _, c := range pod.Spec.Containers {
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				add("Secret", e.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	for name, value := range pod.Annotations {
		if strings.HasSuffix(name, ".sidecar-injector.dev/secret") || strings.HasSuffix(name, ".sidecar-injector.dev/credentialsSecret") {
			add("Secret", value)
		}
	}
	return all
}

// endsWhenAsked are images whose own command was observed to end soon after SIGTERM.
var endsWhenAsked = []string{"nginxinc/nginx-unprivileged", "prometheus/prometheus", "prometheus/alertmanager", "grafana/grafana", "stefanprodan/podinfo"}

// The kernel does not deliver signals without a handler to the first process of a container: a shell, an
// interpreter or a small server that does not handle SIGTERM is killed only after the grace period.
func TestEveryExampleEndsWhenItIsAsked(t *testing.T) {
	for folder, all := range exampleFolders(t) {
		for _, o := range all {
			for _, c := range o.Spec.Template.Spec.Containers {
				known := slices.ContainsFunc(endsWhenAsked, func(image string) bool { return strings.Contains(c.Image, image) })
				if len(c.Command) == 0 && known || asksForSignals(slices.Concat(c.Command, c.Args)) {
					continue
				}
				t.Errorf("%s: container %s runs %q, which does not ask for SIGTERM", folder, c.Name, slices.Concat([]string{c.Image}, c.Command, c.Args))
			}
		}
	}
	found := 0
	for _, text := range append(blocks(t, "docs/templates.md", "kind: ClusterSidecarTemplate"), read(t, "cmd/sidecar-injector/starter/template.yaml")) {
		for _, line := range strings.Split(text, "\n") {
			command, ok := strings.CutPrefix(strings.TrimSpace(line), "command: ")
			var words []string
			if !ok || yaml.Unmarshal([]byte(command), &words) != nil {
				continue
			}
			found++
			if !asksForSignals(words) {
				t.Errorf("a template runs %q, which does not ask for SIGTERM", words)
			}
		}
	}
	if found < 2 {
		t.Errorf("%d templates with a command were found", found)
	}
}

func asksForSignals(words []string) bool {
	text := strings.Join(words, "\n")
	switch {
	case len(words) == 0:
		return false
	case words[0] == "sh":
		return strings.Contains(text, "trap ") && strings.Contains(text, " TERM") && strings.Contains(text, "wait")
	case words[0] == "python":
		return strings.Contains(text, "signal.signal(signal.SIGTERM")
	}
	return false
}

// git-sync deletes the previous target of its link: a process with the target as its working directory, or a
// mount of it by subPath, loses it.
func TestNoExampleStandsBehindALinkThatMoves(t *testing.T) {
	tried := 0
	for folder, all := range exampleFolders(t) {
		for _, o := range all {
			instance, ok := strings.CutSuffix(o.Spec.Template.Annotations["sidecar-injector.dev/inject"], "=git-sync")
			if !ok {
				continue
			}
			tried++
			behind := o.Spec.Template.Annotations[instance+".sidecar-injector.dev/folder"] + "/current"
			for _, c := range o.Spec.Template.Spec.Containers {
				for _, word := range slices.Concat(c.Command, c.Args, []string{c.WorkingDir}) {
					if strings.Contains(word, behind) {
						t.Errorf("%s: container %s is started with %q", folder, c.Name, word)
					}
				}
				for _, m := range c.VolumeMounts {
					if m.SubPath != "" && strings.HasPrefix(m.Name, "sc-"+instance) {
						t.Errorf("%s: container %s mounts %s by subPath", folder, c.Name, m.Name)
					}
				}
			}
		}
	}
	if tried == 0 {
		t.Error("no example asks for git-sync")
	}
}
