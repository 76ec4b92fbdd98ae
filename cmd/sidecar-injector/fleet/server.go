package fleet

import "fmt"

// Server describes what can change in a running pod.
type Server struct {
	// Minor is the minor version of the API server.
	Minor int
	// Resize is true if it serves pods/resize.
	Resize bool
	// Kubelet returns the minor version of a node's kubelet, 0 if it is unknown; nil knows none.
	Kubelet func(node string) int
}

const (
	// firstInPlace is the first minor version in which the image of a native sidecar may change: the API
	// server has to accept it, and the kubelet to start the sidecar again.
	firstInPlace = 32
	// firstResize is the first minor version whose kubelets resize, unless configured otherwise.
	firstResize = 33
	// maxSkew is how many minor versions a kubelet may be older than its API server
	// (https://kubernetes.io/releases/version-skew-policy).
	maxSkew = 3
)

// Supports reports whether all kubelets of an API server of this minor version can give a native sidecar
// another image.
func Supports(minor int) bool { return minor-maxSkew >= firstInPlace }

// kubelet returns the minor version of the kubelet that runs the pod: the oldest possible one if known is
// false, and the API server's if no kubelet has the pod yet.
func (j *judgement) kubelet() (minor int, known bool) {
	node := text(part(j.running, "spec"), "nodeName")
	if node == "" {
		return j.Server.Minor, true
	}
	if j.Server.Kubelet != nil {
		if minor = j.Server.Kubelet(node); minor > 0 {
			return minor, true
		}
	}
	return j.Server.Minor - maxSkew, false
}

// keepsImage returns why a native sidecar keeps its image in the running pod; "" if it does not.
func (j *judgement) keepsImage() string {
	if j.Server.Minor < firstInPlace {
		return fmt.Sprintf("Kubernetes 1.%d keeps the image of a native sidecar, 1.%d does not", j.Server.Minor, firstInPlace)
	}
	minor, known := j.kubelet()
	switch {
	case minor >= firstInPlace:
		return ""
	case known:
		return fmt.Sprintf("its node's kubelet is of Kubernetes 1.%d, which keeps the image of a native sidecar; 1.%d does not", minor, firstInPlace)
	}
	return fmt.Sprintf("its node's kubelet may be of Kubernetes 1.%d, which keeps the image of a native sidecar; 1.%d does not", minor, firstInPlace)
}

// keepsAmounts returns why cpu and memory stay as they are in the running pod; "" if they do not.
func (j *judgement) keepsAmounts() string {
	if !j.Server.Resize {
		return "the server does not serve pods/resize"
	}
	if minor, known := j.kubelet(); known && minor < firstResize && minor < j.Server.Minor {
		return fmt.Sprintf("its node's kubelet is of Kubernetes 1.%d, which does not resize; 1.%d does", minor, firstResize)
	}
	return ""
}
