package templates

import "strings"

const domain = "sidecar-injector.dev"

// reservedKey says whether the key of a label or annotation is one that templates
// may not set: any under sidecar-injector.dev but config.<instance>.
func reservedKey(key, instance string) bool {
	prefix, name, _ := strings.Cut(key, "/")
	if prefix != domain && !strings.HasSuffix(prefix, "."+domain) {
		return false
	}
	return prefix != domain || instance == "" || name != "config."+instance
}

// reservedVolume is how Kubernetes names the volume with the service account's token.
const reservedVolume = "kube-api-access-"

// checkKeys finds labels and annotations that belong to the injector.
func (d *document) checkKeys() {
	metadata := d.template.program.pod.member("metadata")
	for _, field := range []string{"labels", "annotations"} {
		m := metadata.member(field)
		if m == nil {
			continue
		}
		for i := range m.members {
			if key := &m.members[i]; key.key == nil && reservedKey(key.name, "") {
				where := key.value.place
				d.add(where.line, where.column, where.at.String(), ReservedKey, SeverityError,
					"templates may set the annotation sidecar-injector.dev/config.${instance} only",
					"key "+Quote(key.name)+" belongs to sidecar-injector")
			}
		}
	}
}
