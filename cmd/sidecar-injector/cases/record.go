package cases

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// tokenMount is where the cluster mounts the token of a service account; tokenVolume matches the names of
// its volumes.
const tokenMount = "/var/run/secrets/kubernetes.io/serviceaccount"

var tokenVolume = regexp.MustCompile(`^kube-api-access-|-token-[a-z0-9]{5}$`)

// Record writes a case for an object of a cluster, in a folder of dir that is named after kind and name,
// and returns the case's name. Fields that the cluster has set are removed, as are tokens and the values of
// whatever is named like a secret.
func Record(dir, kind, name string, object map[string]any, namespace inject.Namespace) (string, error) {
	folder := strings.ToLower(kind) + "-" + name
	path := filepath.Join(dir, folder)
	if _, err := os.Lstat(path); err == nil {
		return "", faulty("remove it, or name another folder", "%s: is there already", path)
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", withoutOperation(err)
	}
	file := WorkloadFile
	if kind == "Pod" {
		file = PodFile
	}
	clean(object)
	annotations := map[string]any{}
	for key, text := range namespace.Annotations {
		annotations[key] = text
	}
	cleanAnnotations(annotations)
	metadata := map[string]any{"name": namespace.Name, "labels": namespace.Labels, "annotations": annotations}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", withoutOperation(err)
	}
	if err := writeObject(filepath.Join(path, file), object); err != nil {
		return "", err
	}
	return folder, writeObject(filepath.Join(path, NamespaceFile), map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

func writeObject(path string, object map[string]any) error {
	text, err := json.Marshal(object)
	if err == nil {
		text, err = manifest.YAML(text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return withoutOperation(os.WriteFile(path, text, 0o644))
}

// clean removes from an object what the cluster has set, and what is secret.
func clean(object map[string]any) {
	delete(object, "status")
	eachObject(object, func(o map[string]any) {
		if metadata, ok := o["metadata"].(map[string]any); ok {
			for _, field := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "ownerReferences"} {
				delete(metadata, field)
			}
			annotations, _ := metadata["annotations"].(map[string]any)
			cleanAnnotations(annotations)
		}
		delete(o, "nodeName")
		for _, field := range []string{"volumes", "volumeMounts"} {
			withoutTokens(o, field)
		}
		if name, ok := o["name"].(string); ok {
			if text, ok := o["value"].(string); ok {
				o["value"] = hidden(name, text)
			}
		}
		for _, field := range []string{"path", "repository"} { // of probes, with a query, and of volumes
			if text, ok := o[field].(string); ok {
				o[field] = hidden("", text)
			}
		}
		for _, field := range []string{"command", "args"} {
			list, _ := o[field].([]any)
			hideArguments(list)
		}
		for _, field := range []string{"volumeAttributes", "options"} { // of volume drivers, which accept arbitrary keys
			attributes, _ := o[field].(map[string]any)
			for name, value := range attributes {
				if text, ok := value.(string); ok && !reference.MatchString(name) {
					attributes[name] = hidden(name, text)
				}
			}
		}
	})
}

// cleanAnnotations removes copies of the whole object, and replaces what is secret.
func cleanAnnotations(annotations map[string]any) {
	for key, value := range annotations {
		switch text, ok := value.(string); {
		case !ok:
		case strings.HasSuffix(strings.SplitN(key, "/", 2)[0], inject.Domain):
			annotations[key] = hiddenSetting(key, text)
		case isCopy(key, text):
			delete(annotations, key)
		default:
			annotations[key] = hidden(key, text)
		}
	}
}

// withoutTokens removes the volumes or mounts that the cluster adds for the service account's token.
func withoutTokens(o map[string]any, field string) {
	list, ok := o[field].([]any)
	if !ok {
		return
	}
	kept := make([]any, 0, len(list))
	for _, item := range list {
		volume, _ := item.(map[string]any)
		name, _ := volume["name"].(string)
		if mounted, isMount := volume["mountPath"].(string); !tokenVolume.MatchString(name) || isMount && mounted != tokenMount {
			kept = append(kept, item)
		}
	}
	o[field] = kept
	if len(kept) == 0 {
		delete(o, field)
	}
}

// eachObject calls visit for an object and all objects nested in it.
func eachObject(value any, visit func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		visit(v)
		for _, member := range v {
			eachObject(member, visit)
		}
	case []any:
		for _, item := range v {
			eachObject(item, visit)
		}
	}
}
