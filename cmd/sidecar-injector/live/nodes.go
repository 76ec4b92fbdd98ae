package live

import (
	"context"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilversion "k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// Kubelets returns the version of the kubelet of each node that has reported one.
func (r *Reader) Kubelets(ctx context.Context) (map[string]string, error) {
	type kubelet struct{ node, version string }
	all, err := chunks(ctx, metav1.ListOptions{}, func(ctx context.Context, options metav1.ListOptions) ([]kubelet, string, error) {
		list, err := r.client.CoreV1().Nodes().List(ctx, options)
		if err != nil {
			return nil, "", err
		}
		var some []kubelet
		for i := range list.Items {
			if n := &list.Items[i]; n.Status.NodeInfo.KubeletVersion != "" {
				some = append(some, kubelet{n.Name, n.Status.NodeInfo.KubeletVersion})
			}
		}
		return some, list.Continue, nil
	})
	versions := make(map[string]string, len(all))
	for _, k := range all {
		versions[k.node] = k.version
	}
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
