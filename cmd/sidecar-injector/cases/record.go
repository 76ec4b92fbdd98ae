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

// tokenMount is where the cluster mounts the token of a service account, tokenVolume how it calls the volume.
const tokenMount = "/var/run/secrets/kubernetes.io/serviceaccount"

var tokenVolume = regexp.MustCompile(`^kube-api-access-|-token-[a-z0-9]{5}$`)

// Record makes a case of an object of a cluster: its folder is called by kind and name. What the cluster
// has put into the object is taken out, and so are tokens and the values of what is called a secret. It gives
// the case's name.
func Record(dir, kind, name string, object map[string]any, namespace inject.Namespace) (string, error) {
	folder := strings.ToLower(kind) + "-" + name
	path := filepath.Join(dir, folder)
	if _, err := os.Lstat(path); err == nil {
		return "", faulty("remove it, or name another folder", "%s: is there already", path)
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", noun(err)
	}
	file := WorkloadFile
	if kind == "Pod" {
		file = PodFile
	}
	clean(object)
	metadata := map[string]any{"name": namespace.Name}
	texts := func(from map[string]string) map[string]any {
		out := map[string]any{}
		for key, text := range from {
			if !isCopy(key, text) {
				out[key] = hidden(key, text)
			}
		}
		return out
	}
	metadata["labels"], metadata["annotations"] = texts(namespace.Labels), texts(namespace.Annotations)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", noun(err)
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
	return os.WriteFile(path, text, 0o644)
}

// clean takes out of an object what the cluster has put in, and what is secret.
func clean(object map[string]any) {
	delete(object, "status")
	eachObject(object, func(o map[string]any) {
		if metadata, ok := o["metadata"].(map[string]any); ok {
			for _, field := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "ownerReferences"} {
				delete(metadata, field)
			}
			annotations, _ := metadata["annotations"].(map[string]any)
			for key, value := range annotations {
				switch text, ok := value.(string); {
				case !ok:
				case strings.HasSuffix(strings.SplitN(key, "/", 2)[0], inject.Domain): // its name may say Secret, its value is what a case is about
					annotations[key] = hidden("", text)
				case isCopy(key, text):
					delete(annotations, key)
				default:
					annotations[key] = hidden(key, text)
				}
			}
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
		for _, field := range []string{"command", "args"} {
			list, _ := o[field].([]any)
			hideArguments(list)
		}
		for _, field := range []string{"volumeAttributes", "options"} { // of drivers, which take any
			attributes, _ := o[field].(map[string]any)
			for name, value := range attributes {
				if text, ok := value.(string); ok && !reference.MatchString(name) {
					attributes[name] = hidden(name, text)
				}
			}
		}
	})
}

// withoutTokens leaves out of a pod, and of its containers, what the cluster adds to each for its token.
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
	if o[field] = kept; len(kept) == 0 {
		delete(o, field)
	}
}

// eachObject visits an object and all objects in it.
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
