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
