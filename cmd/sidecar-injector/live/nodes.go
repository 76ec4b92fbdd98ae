package live

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	utilversion "k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// Kubelets returns the version of the kubelet of each node that has reported one.
func (r *Reader) Kubelets(ctx context.Context) (map[string]string, error) {
	versions := map[string]string{}
	_, err := chunks(ctx, r.client.CoreV1().Nodes().List, func(page *corev1.NodeList) []struct{} {
		for i := range page.Items {
			if n := &page.Items[i]; n.Status.NodeInfo.KubeletVersion != "" {
				versions[n.Name] = n.Status.NodeInfo.KubeletVersion
			}
		}
		return nil
	})
	return versions, err
}

// kubelets returns the function of fleet.Server.Kubelet. It reads the nodes when it is first called: only
// pods whose images change need it. The function has no error, so one is kept in noNodes, for whoever asked
// for the state of pods: without the nodes an app would be restarted that need not be.
func (r *Reader) kubelets(ctx context.Context, server int) func(node string) int {
	r.noNodes = nil
	read := sync.OnceValue(func() map[string]string {
		versions, err := r.Kubelets(ctx)
		switch {
		case err == nil || fleet.Supports(server):
		case Denied(err):
			r.Note("nodes cannot be read with your rights: native sidecars get new images by a restart, because kubelets may be too old to change them in place")
		default:
			r.noNodes = fmt.Errorf("nodes: %w", err)
		}
		return versions
	})
	return func(node string) int {
		v, err := utilversion.ParseGeneric(read()[node])
		if err != nil {
			return 0
		}
		return int(v.Minor())
	}
}
