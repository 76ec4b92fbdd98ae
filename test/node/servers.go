package main

import (
	"context"
	"os"
	"text/template"
	"time"

	_ "embed"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// patience is the maximum time until a server answers. On a busy machine each takes several seconds.
const patience = 2 * time.Minute

func (n *node) startControlPlane(ctx context.Context) error {
	pki := n.path("pki") + "/"
	const etcd = "http://127.0.0.1:2379"
	if err := n.launch("etcd", n.programs["etcd"], "--data-dir="+n.path("etcd"),
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380", "--initial-cluster=default=http://127.0.0.1:2380",
		"--unsafe-no-fsync"); err != nil {
		return err
	}
	if err := n.startAPIServer(); err != nil {
		return err
	}
	if err := n.connect(); err != nil {
		return err
	}
	if err := n.answers(ctx); err != nil {
		return err
	}
	if err := n.launch("kube-controller-manager", n.programs["kube-controller-manager"], "--kubeconfig="+n.path("controller.kubeconfig"),
		"--authentication-kubeconfig="+n.path("controller.kubeconfig"), "--authorization-kubeconfig="+n.path("controller.kubeconfig"),
		"--use-service-account-credentials", "--service-account-private-key-file="+pki+"accounts.key", "--root-ca-file="+pki+"ca.crt",
		"--cluster-signing-cert-file="+pki+"ca.crt", "--cluster-signing-key-file="+pki+"ca.key", "--leader-elect=false", "--bind-address=127.0.0.1"); err != nil {
		return err
	}
	return n.launch("kube-scheduler", n.programs["kube-scheduler"], "--kubeconfig="+n.path("scheduler.kubeconfig"),
		"--authentication-kubeconfig="+n.path("scheduler.kubeconfig"), "--authorization-kubeconfig="+n.path("scheduler.kubeconfig"),
		"--leader-elect=false", "--bind-address=127.0.0.1")
}

// startAPIServer starts the API server; it is also used to restart it.
func (n *node) startAPIServer() error {
	pki := n.path("pki") + "/"
	return n.launch("kube-apiserver", n.programs["kube-apiserver"], "--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=0.0.0.0", "--secure-port=443", "--advertise-address="+nodeAddress, "--service-cluster-ip-range="+serviceRange,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged",
		"--client-ca-file="+pki+"ca.crt", "--tls-cert-file="+pki+"apiserver.crt", "--tls-private-key-file="+pki+"apiserver.key",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+pki+"accounts.pub", "--service-account-signing-key-file="+pki+"accounts.key",
		"--kubelet-client-certificate="+pki+"admin.crt", "--kubelet-client-key="+pki+"admin.key",
		"--kubelet-preferred-address-types=InternalIP",
		"--enable-aggregator-routing=true") // webhooks are called by their endpoints, because the API server has no route to Service addresses
}

// answers waits until the API server is ready.
func (n *node) answers(ctx context.Context) error {
	return eventually(ctx, patience, func(ctx context.Context) error {
		return n.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

//go:embed settings/containerd.toml
var containerdSettings string

//go:embed settings/kubelet.yaml
var kubeletSettings string

//go:embed settings/network.conflist
var networkSettings string

//go:embed settings/Corefile
var corefile string

// writeSettings fills in a template and writes it under the state folder.
func (n *node) writeSettings(file, text string) (string, error) {
	t, err := template.New(file).Parse(text)
	if err != nil {
		return "", err
	}
	path := n.path(file)
	out, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer out.Close()
	return path, t.Execute(out, map[string]string{
		"State": n.state, "Socket": n.socket(), "ShimSockets": shimSockets, "Pause": pauseImage, "PodRange": podRange,
		"Address": nodeAddress, "DNS": dnsService, "Kubeconfig": n.path("dns.kubeconfig"),
	})
}

func (n *node) socket() string { return n.path("containerd.sock") }

func (n *node) startContainerd(ctx context.Context) error {
	for _, folder := range []string{"cni", "containerd", "containerd-state"} {
		if err := os.MkdirAll(n.path(folder), 0o755); err != nil {
			return err
		}
	}
	if _, err := n.writeSettings("cni/10-node.conflist", networkSettings); err != nil {
		return err
	}
	file, err := n.writeSettings("containerd.toml", containerdSettings)
	if err != nil {
		return err
	}
	if err := n.launch("containerd", n.programs["containerd"], "--config", file); err != nil {
		return err
	}
	return eventually(ctx, patience, func(ctx context.Context) error { return n.ctr(ctx, "version") })
}

// ctr runs containerd's command line, in the containerd namespace of the kubelet's containers.
func (n *node) ctr(ctx context.Context, args ...string) error {
	return output(ctx, n.programs["ctr"], append([]string{"-a", n.socket(), "-n", "k8s.io"}, args...)...)
}

func (n *node) startKubelet(ctx context.Context) error {
	if err := os.WriteFile(n.path("resolv.conf"), []byte("nameserver "+dnsService+"\n"), 0o644); err != nil {
		return err
	}
	file, err := n.writeSettings("kubelet.yaml", kubeletSettings)
	if err != nil {
		return err
	}
	if err := n.launchKubelet(file); err != nil {
		return err
	}
	return eventually(ctx, patience, func(ctx context.Context) error { return n.isReady(ctx) })
}

// launchKubelet starts the kubelet; it is also used to restart it.
func (n *node) launchKubelet(settings string) error {
	return n.launch("kubelet", n.programs["kubelet"], "--config="+settings, "--kubeconfig="+n.path("kubelet.kubeconfig"),
		"--root-dir="+n.path("kubelet"), "--node-ip="+nodeAddress, "--hostname-override="+nodeName, "-v=2")
}

func (n *node) isReady(ctx context.Context) error {
	found, err := n.client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range found.Status.Conditions {
		if condition.Type == "Ready" {
			if condition.Status == "True" {
				return nil
			}
			return &notReadyError{nodeName, condition.Message}
		}
	}
	return &notReadyError{nodeName, "it has not said anything yet"}
}

// notReadyError says what is not ready, and why.
type notReadyError struct{ what, why string }

func (e *notReadyError) Error() string { return e.what + " is not ready: " + e.why }

// startServices starts the name server, kube-proxy, and kube-router, which enforces NetworkPolicies: the
// chart has one.
func (n *node) startServices(ctx context.Context) error {
	file, err := n.writeSettings("Corefile", corefile)
	if err != nil {
		return err
	}
	if err := n.launch("coredns", n.programs["coredns"], "-conf", file, "-p", "1053"); err != nil {
		return err
	}
	if err := n.launch("kube-router", n.programs["kube-router"], "--kubeconfig="+n.path("admin.kubeconfig"), "--hostname-override="+nodeName,
		"--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--service-cluster-ip-range="+serviceRange, "--health-port=0"); err != nil {
		return err
	}
	return n.launch("kube-proxy", n.programs["kube-proxy"], "--kubeconfig="+n.path("proxy.kubeconfig"), "--proxy-mode=iptables",
		"--hostname-override="+nodeName, "--cluster-cidr="+podRange, "--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0")
}
