package fleet

import (
	"fmt"
	"strings"
)

// stale returns a sentence about a native sidecar that runs another image than its pod states, because its
// kubelet is too old to start it again; "" if it does not. Of newer kubelets a name says nothing: they do
// start it again, and report any of the names that the node has for an image.
func (j *judgement) stale(c *container) string {
	if !c.init || j.Server.Minor < firstInPlace || sameImage(text(c.spec, "image"), text(c.status, "image"), text(c.status, "imageID")) {
		return ""
	}
	minor, known := j.kubelet()
	if !known || minor >= firstInPlace {
		return ""
	}
	return fmt.Sprintf("%s runs: the kubelet, of Kubernetes 1.%d, has not taken the new image %s; a new pod has it", text(c.status, "image"), minor, text(c.spec, "image"))
}

// sameImage reports whether a container may run the image that its pod states; id is the image's as the
// kubelet reports it.
func sameImage(want, running, id string) bool {
	name, digest, _ := strings.Cut(want, "@")
	if digest != "" && (strings.Contains(running, "@") || strings.Contains(id, "@")) {
		return strings.HasSuffix(running, digest) || strings.HasSuffix(id, digest)
	}
	has, _, _ := strings.Cut(running, "@")
	if digest != "" || has == "" || strings.HasPrefix(has, "sha256:") {
		return true
	}
	repository, tag := reference(name)
	repositoryNow, tagNow := reference(has)
	return repository == repositoryNow && (tag == tagNow || has != running && tagNow == latest)
}

// latest is the tag of an image that has none.
const latest = "latest"

// reference splits the name of an image as the runtimes complete it.
func reference(name string) (repository, tag string) {
	repository, tag = name, latest
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		repository, tag = name[:i], name[i+1:]
	}
	host, path, found := strings.Cut(repository, "/")
	switch {
	case !found:
		return "docker.io/library/" + repository, tag
	case host == "index.docker.io":
		repository = "docker.io/" + path
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		repository = "docker.io/" + repository
	}
	if path, hub := strings.CutPrefix(repository, "docker.io/"); hub && !strings.Contains(path, "/") {
		repository = "docker.io/library/" + path
	}
	return repository, tag
}
