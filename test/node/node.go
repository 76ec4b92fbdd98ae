package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Addresses of the node, all within its network namespace and not reachable from outside.
const (
	networkNamespace = "sidecar-injector-node"
	nodeName         = "node-1"
	nodeAddress      = "10.87.0.1" // on lo: the kubelet refuses a loopback address
	serviceRange     = "10.96.0.0/16"
	apiService       = "10.96.0.1" // the Service default/kubernetes
	dnsService       = "10.96.0.10"
	podRange         = "10.88.0.0/16"
)

// leftUp is the file in the state folder of a node that make node has left up.
const leftUp = "left-up"

// node is one cluster of one node. There is one at a time on a machine.
type node struct {
	cache string // programs and images, kept for the next run
	state string // everything else; removed by down
	out   io.Writer

	reservation net.Listener // held while this process uses the machine's node

	programs map[string]string // name to path
	client   *kubernetes.Clientset
	config   *rest.Config
	begun    time.Time
	helmed   time.Time // when helm install began

	telling sync.Mutex // held while told changes
	told    []string   // figures that tests report
}

// newNode returns a node with its paths set; it starts nothing.
func newNode(out io.Writer) (*node, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("cache folder: %w", err)
	}
	cache = filepath.Join(cache, "sidecar-injector", "node")
	return &node{cache: cache, state: filepath.Join(cache, "state"), out: out, begun: time.Now()}, nil
}

func (n *node) path(elements ...string) string {
	return filepath.Join(append([]string{n.state}, elements...)...)
}

func (n *node) log(format string, args ...any) {
	fmt.Fprintf(n.out, "%6.1f s  %s\n", time.Since(n.begun).Seconds(), fmt.Sprintf(format, args...))
}

// up starts everything and waits until the injector answers. After an error or an interrupt, everything is
// removed again.
func (n *node) up(ctx context.Context) (err error) {
	if err := n.preflight(ctx); err != nil {
		return err
	}
	if err := n.prepare(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.tail(), n.down())
		}
	}()
	if err := n.start(ctx); err != nil {
		return err
	}
	return n.install(ctx)
}

// attach connects to a running node.
func (n *node) attach(ctx context.Context) error {
	if err := n.reserve(ctx); err != nil {
		return err
	}
	if err := n.buildPrograms(ctx); err != nil {
		return err
	}
	return n.connect()
}

// prepare builds missing programs and images; it starts nothing.
func (n *node) prepare(ctx context.Context) error {
	if err := os.MkdirAll(n.cache, 0o755); err != nil {
		return err
	}
	if err := n.buildPrograms(ctx); err != nil {
		return err
	}
	return n.buildImages(ctx)
}

// start starts the cluster, without the injector.
func (n *node) start(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"network namespace", n.makeNetwork},
		{"certificates", n.makeCertificates},
		{"control plane", n.startControlPlane},
		{"containerd", n.startContainerd},
		{"images", n.loadImages},
		{"kubelet", n.startKubelet},
		{"names, Services and policies", n.startServices},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		n.log("%s", step.name)
	}
	return nil
}

// connect creates the client, whose connections are opened in the node's network namespace.
func (n *node) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", n.path("admin.kubeconfig"))
	if err != nil {
		return err
	}
	config.Dial, config.QPS, config.Burst = dialWithin, 200, 400
	n.config = config
	n.client, err = kubernetes.NewForConfig(config)
	return err
}

// eventually calls check until it returns nil or limit has passed, and returns its last error. An end of the
// context ends it earlier, with the context's error.
func eventually(ctx context.Context, limit time.Duration, check func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		err := check(limited)
		if err == nil {
			return nil
		}
		// A request that the end of the time interrupts says nothing of why the check does not hold.
		if last == nil || limited.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), last)
		case <-limited.Done():
			return fmt.Errorf("after %s: %w", limit, last)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
