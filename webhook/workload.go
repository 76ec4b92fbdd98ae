package webhook

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// workload is the part of an object that advice depends on. Its slices of bytes point into the text that it
// was read from.
type workload struct {
	kind string
	// apiVersion and name are "" if the object has none yet.
	apiVersion, name string
	// owned is true if the object has a controller: nobody reads warnings on it.
	owned bool
	// levels are the metadata of each level, from the workload itself to its pod template, with the
	// injector's own keys only.
	levels []inject.Metadata
	// template is the raw pod template, nil if there is none.
	template []byte
	// claims are the names of a StatefulSet's volume claim templates, whose volumes its controller adds to
	// the pods.
	claims []string
}

// adviseOn reports whether advice is given on a resource.
func adviseOn(resource groupVersionName) bool {
	switch resource.group {
	case "apps":
		return slices.Contains([]string{"deployments", "statefulsets", "daemonsets"}, resource.name)
	case "batch":
		return slices.Contains([]string{"jobs", "cronjobs"}, resource.name)
	}
	return false
}

func readWorkload(kind string, object []byte) (*workload, error) {
	w := &workload{kind: kind}
	for _, field := range inject.MetadataFields(kind) {
		level, err := readLevel(object, field)
		if err != nil {
			return nil, err
		}
		w.levels = append(w.levels, level)
	}
	owned, err := controlled(rawjson.At(object, []string{"metadata", "ownerReferences"}))
	if err != nil {
		return nil, fmt.Errorf("metadata.ownerReferences: %w", err)
	}
	w.owned = owned
	w.apiVersion, _ = rawjson.Text(object, "apiVersion")
	w.name, _ = rawjson.Text(object, "metadata", "name")
	w.template = rawjson.At(object, fieldNames(inject.TemplateField(kind)))
	if kind != "StatefulSet" {
		return w, nil
	}
	claims := rawjson.New(rawOrNull(rawjson.At(object, []string{"spec", "volumeClaimTemplates"})))
	err = claims.Items(func() error {
		claim, err := claims.Raw()
		if name := rawjson.At(claim, []string{"metadata", "name"}); err == nil && name != nil {
			var text string
			text, err = rawjson.New(name).String()
			w.claims = append(w.claims, text)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spec.volumeClaimTemplates: %w", err)
	}
	return w, nil
}

// readLevel reads the metadata of one field.
func readLevel(object []byte, field string) (inject.Metadata, error) {
	level := inject.Metadata{Field: field}
	metadata := append(fieldNames(field), "metadata")
	for name, keys := range map[string]*map[string]string{"labels": &level.Labels, "annotations": &level.Annotations} {
		path := append(slices.Clone(metadata), name)
		found, err := keysOfOurs(rawjson.At(object, path))
		if err != nil {
			return level, fmt.Errorf("%s: %w", strings.Join(path, "."), err)
		}
		*keys = found
	}
	return level, nil
}

// keysOfOurs reads labels or annotations and keeps the injector's own keys.
func keysOfOurs(raw []byte) (map[string]string, error) {
	found := map[string]string{}
	c := rawjson.New(rawOrNull(raw))
	return found, c.Members(func(name []byte) (err error) {
		key := string(name)
		if _, ours := inject.ReadFromPod(key); !ours {
			return c.Skip()
		}
		found[key], err = c.String()
		return err
	})
}

// controlled reports whether one of the owner references is a controller.
func controlled(raw []byte) (found bool, err error) {
	c := rawjson.New(rawOrNull(raw))
	return found, c.Items(func() error {
		return c.Members(func(name []byte) error {
			if string(name) != "controller" {
				return c.Skip()
			}
			controller, err := c.Bool()
			found = found || controller
			return err
		})
	})
}

// serviceAccount returns the name of the service account that the pods run as.
func (w *workload) serviceAccount() string {
	name, _ := rawjson.Text(w.template, "spec", "serviceAccountName")
	return cmp.Or(name, "default")
}

// sameAdvice reports whether everything that advice depends on is equal, so that scaling a workload or
// writing its status does not repeat the warnings.
func (w *workload) sameAdvice(old *workload) bool {
	same := func(a, b inject.Metadata) bool {
		return maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations)
	}
	return bytes.Equal(w.template, old.template) && slices.Equal(w.claims, old.claims) && slices.EqualFunc(w.levels, old.levels, same)
}

func fieldNames(field string) []string {
	if field == "" {
		return nil
	}
	return strings.Split(field, ".")
}

func rawOrNull(raw []byte) []byte {
	if raw == nil {
		return []byte("null")
	}
	return raw
}
