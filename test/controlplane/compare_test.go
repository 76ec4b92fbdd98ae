//go:build controlplane

package controlplane

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// comparablePod returns a stored pod without the values that the server generates for each object. The volume
// of the service account's token has a random name, and it and the two default tolerations are moved to the
// end of their lists: the server adds them before it calls webhooks, but after inject for its output. The
// order of everything else must be equal.
func comparablePod(t *testing.T, pod object) object {
	t.Helper()
	pod = clone(t, pod)
	delete(pod, "apiVersion")
	delete(pod, "kind")
	metadata := pod["metadata"].(object)
	for _, made := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace", "ownerReferences"} {
		delete(metadata, made)
	}
	if _, generated := metadata["generateName"]; generated {
		delete(metadata, "generateName") // contains a hash of the workload's template
		delete(metadata, "name")
	}
	if labels, ok := metadata["labels"].(object); ok {
		// Hashes of the workload's template and the workload's UID.
		for _, made := range []string{"pod-template-hash", "controller-revision-hash", "controller-uid", "batch.kubernetes.io/controller-uid"} {
			delete(labels, made)
		}
	}
	conditions, _ := pod["status"].(object)["conditions"].([]any)
	for _, condition := range conditions {
		delete(condition.(object), "lastTransitionTime")
	}
	spec := pod["spec"].(object)
	token := isToken("")
	if volume := moveLast(spec, "volumes", token); volume != nil {
		token = isToken(volume["name"].(string))
		volume["name"] = tokenVolume
	}
	for c := range containers(pod, "containers", "initContainers") {
		if mount := moveLast(c, "volumeMounts", token); mount != nil {
			mount["name"] = tokenVolume
		}
	}
	moveLast(spec, "tolerations", isDefaultToleration("node.kubernetes.io/not-ready"))
	moveLast(spec, "tolerations", isDefaultToleration("node.kubernetes.io/unreachable"))
	return pod
}

// tokenVolume is how the name of the volume of a service account's token begins.
const tokenVolume = "kube-api-access-"

// isToken matches the token's entry by its name, or that of any token if name is "".
func isToken(name string) func(object) bool {
	return func(entry object) bool {
		found, _ := entry["name"].(string)
		return strings.HasPrefix(found, tokenVolume) && (name == "" || found == name)
	}
}

func isDefaultToleration(key string) func(object) bool {
	return func(toleration object) bool {
		return toleration["key"] == key && toleration["effect"] == "NoExecute" && toleration["tolerationSeconds"] == 300.0
	}
}

// moveLast moves the first matching entry of a list to its end, and returns it; nil if there is none.
func moveLast(parent object, list string, meant func(object) bool) object {
	items, _ := parent[list].([]any)
	at := slices.IndexFunc(items, func(item any) bool { return meant(item.(object)) })
	if at < 0 {
		return nil
	}
	entry := items[at].(object)
	parent[list] = append(slices.Delete(items, at, at+1), entry)
	return entry
}

// samePod fails unless the two stored pods are equal, except for generated values.
func samePod(t *testing.T, want, got object) {
	t.Helper()
	if diff := cmp.Diff(comparablePod(t, want), comparablePod(t, got)); diff != "" {
		t.Errorf("the stored pod (-wanted +stored):\n%s", diff)
	}
}

func clone(t *testing.T, o object) object {
	t.Helper()
	text, err := json.Marshal(o)
	must(t, err)
	var copied object
	must(t, json.Unmarshal(text, &copied))
	return copied
}
