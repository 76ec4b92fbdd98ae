package inject

import (
	"reflect"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// decodeAny decodes JSON with int64 for integers.
func decodeAny(raw []byte) (any, error) {
	var v any
	err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &v)
	return v, err
}

// isReadOnly reports whether nothing can be created in a volume of a type.
func isReadOnly(kind string) bool {
	switch kind {
	case "configMap", "secret", "projected", "downwardAPI", "image":
		return true
	}
	return false
}

// isClaim reports whether a volume of a type is a volume claim.
func isClaim(kind string) bool { return kind == "persistentVolumeClaim" || kind == "ephemeral" }

// is reports whether an injected volume has a type for which kind returns true.
func is(volume *templates.Named, kind func(string) bool) bool {
	return slices.ContainsFunc(volume.Object(), func(m program.Member) bool { return kind(m.Name) && m.Value != nil })
}

// sameVolume reports whether a volume of the pod and an injected one are equal after the API server's
// defaults.
func sameVolume(raw, ours []byte) bool {
	a, errA := decodeAny(raw)
	b, errB := decodeAny(ours)
	if errA != nil || errB != nil {
		return false
	}
	va, _ := a.(map[string]any)
	vb, _ := b.(map[string]any)
	defaultVolume(va)
	defaultVolume(vb)
	return reflect.DeepEqual(va, vb)
}

// defaultVolume sets the API server's defaults (pkg/apis/core/v1/defaults.go of Kubernetes 1.37), in place.
func defaultVolume(v map[string]any) {
	for key, value := range v {
		if value == nil {
			delete(v, key)
		}
	}
	if len(v) == 1 {
		v["emptyDir"] = map[string]any{}
	}
	source := func(name string) map[string]any {
		m, _ := v[name].(map[string]any)
		return m
	}
	for _, name := range []string{"secret", "configMap", "downwardAPI", "projected"} {
		setDefault(source(name), "defaultMode", int64(420))
	}
	defaultItems(source("downwardAPI"))
	for _, item := range list(source("projected"), "sources") {
		if projection, ok := item.(map[string]any); ok {
			token, _ := projection["serviceAccountToken"].(map[string]any)
			setDefault(token, "expirationSeconds", int64(3600))
			downward, _ := projection["downwardAPI"].(map[string]any)
			defaultItems(downward)
		}
	}
	setDefault(source("hostPath"), "type", "")
	setDefault(source("emptyDir"), "medium", "")
	canonical(source("emptyDir"), "sizeLimit")
	setDefault(source("iscsi"), "iscsiInterface", "default")
	setDefault(source("rbd"), "pool", "rbd")
	setDefault(source("rbd"), "user", "admin")
	setDefault(source("rbd"), "keyring", "/etc/ceph/keyring")
	setDefault(source("azureDisk"), "cachingMode", "ReadWrite")
	setDefault(source("azureDisk"), "kind", "Shared")
	setDefault(source("azureDisk"), "fsType", "ext4")
	setDefault(source("azureDisk"), "readOnly", false)
	setDefault(source("scaleIO"), "storageMode", "ThinProvisioned")
	setDefault(source("scaleIO"), "fsType", "xfs")
	if image := source("image"); image != nil {
		reference, _ := image["reference"].(string)
		_, tag, tagged := strings.Cut(reference[strings.LastIndex(reference, "/")+1:], ":")
		policy := "IfNotPresent"
		if !tagged || tag == "latest" {
			policy = "Always"
		}
		setDefault(image, "pullPolicy", policy)
	}
	if claim, ok := source("ephemeral")["volumeClaimTemplate"].(map[string]any); ok {
		spec, _ := claim["spec"].(map[string]any)
		setDefault(spec, "volumeMode", "Filesystem")
		resources, _ := spec["resources"].(map[string]any)
		for _, name := range []string{"requests", "limits"} {
			amounts, _ := resources[name].(map[string]any)
			for resourceName := range amounts {
				canonical(amounts, resourceName)
			}
		}
	}
}

func defaultItems(downward map[string]any) {
	for _, item := range list(downward, "items") {
		file, _ := item.(map[string]any)
		field, _ := file["fieldRef"].(map[string]any)
		setDefault(field, "apiVersion", "v1")
		resources, _ := file["resourceFieldRef"].(map[string]any)
		setDefault(resources, "divisor", "0")
		canonical(resources, "divisor")
	}
	setDefault(downward, "items", []any{})
}

func list(m map[string]any, name string) []any {
	items, _ := m[name].([]any)
	return items
}

// setDefault sets a member that is absent or null; a nil map is left alone.
func setDefault(m map[string]any, name string, value any) {
	if m == nil {
		return
	}
	if old, ok := m[name]; !ok || old == nil {
		m[name] = value
	}
}

// canonical rewrites a quantity as the API server does; a value that is not a quantity is left alone.
func canonical(m map[string]any, name string) {
	if m == nil || m[name] == nil {
		return
	}
	text, ok := m[name].(string)
	if !ok {
		text = string(program.AppendJSON(nil, m[name]))
	}
	if q, err := schema.ParseQuantity(text); err == nil {
		m[name] = q.String()
	}
}
