//go:build controlplane

package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// plane is a running control plane, with everything to run the injector beside it.
type plane struct {
	client     *kubernetes.Clientset
	config     *rest.Config
	kubeconfig string // file
	version    string // as reported by the API server
	minor      int    // 37
	injector   string // the sidecar-injector binary
	chart      []byte // the chart's webhook configuration with placeholderURL

	names   names        // of namespaces
	scopes  scopes       // of tests
	ports   atomic.Int64 // of freeAddressOf
	telling sync.Mutex   // held while told changes
	told    []string     // lines reported by the tests
	shared  sync.Mutex   // held by a case that uses a namespace of sharedScope
	logs    string       // folder of all logs

	environment *envtest.Environment
	manager     *process
	stopMirror  context.CancelFunc // nil if there is none
}

// placeholderURL is replaced in the rendered chart by the address of an injector.
const placeholderURL = "https://injector.invalid"

// repository is the checkout, relative to this package.
const repository = "../.."

// startPlane builds missing programs and starts everything. stop may also be called on a plane that failed to
// start.
func startPlane(minor string) (p *plane, err error) {
	p = &plane{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	if p.logs, err = os.MkdirTemp("", "controlplane-"); err != nil {
		return p, err
	}
	programs, err := clusterPrograms(minor)
	if err != nil {
		return p, err
	}
	if err := p.buildOurs(); err != nil {
		return p, err
	}
	if err := p.startServers(programs); err != nil {
		return p, err
	}
	p.manager, err = start("", filepath.Join(p.logs, "kube-controller-manager.log"), programs["kube-controller-manager"],
		"--kubeconfig="+p.kubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
		"--controllers="+strings.Join([]string{
			"serviceaccount-controller", "namespace-controller", "garbage-collector-controller", "resourcequota-controller",
			"deployment-controller", "replicaset-controller", "replicationcontroller-controller", "statefulset-controller",
			"daemonset-controller", "job-controller", "cronjob-controller", "disruption-controller",
			"validatingadmissionpolicy-status-controller",
		}, ","),
		"--kube-api-qps=500", "--kube-api-burst=1000")
	if err != nil {
		return p, err
	}
	return p, errors.Join(p.addNode(context.Background()), p.shareNamespaces(context.Background()))
}

// addNode adds a Node without a kubelet, for the pods of DaemonSets.
func (p *plane) addNode(ctx context.Context) error {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node"},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
	node, err := p.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	node.Spec.Taints = nil // removes the not-ready taint, which a kubelet would remove
	_, err = p.client.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
	return err
}

// report records a line that is printed after all tests, passed or not.
func (p *plane) report(format string, args ...any) {
	p.telling.Lock()
	defer p.telling.Unlock()
	p.told = append(p.told, fmt.Sprintf(format, args...))
}

// clusterPrograms builds missing programs with test/cluster and returns the paths.
func clusterPrograms(minor string) (map[string]string, error) {
	out, err := output(filepath.Join(repository, "test/cluster"), "go", "run", ".", "-version", minor,
		"etcd", "kube-apiserver", "kube-controller-manager")
	if err != nil {
		return nil, err
	}
	programs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, path, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			programs[name] = path
		}
	}
	return programs, nil
}

// buildOurs builds the injector and renders the chart's webhook configuration. The go command links the
// injector only if it differs from the one that an earlier run has left; the suite runs a copy.
func (p *plane) buildOurs() error {
	built := filepath.Join("bin", "controlplane", "sidecar-injector")
	if _, err := output(repository, "go", "build", "-o", built, "./cmd/sidecar-injector"); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(repository, built))
	if err != nil {
		return err
	}
	p.injector = filepath.Join(p.logs, "sidecar-injector")
	if err := os.WriteFile(p.injector, data, 0o755); err != nil {
		return err
	}
	program, err := helmProgram()
	if err != nil {
		return err
	}
	p.chart, err = output(repository, program, "template", "sidecar-injector", "charts/sidecar-injector",
		"--namespace", "sidecar-injector", "--show-only", "templates/webhook.yaml", "--set", "webhook.url="+placeholderURL)
	return err
}

func (p *plane) startServers(programs map[string]string) (err error) {
	p.environment = &envtest.Environment{ControlPlaneStartTimeout: time.Minute, ControlPlaneStopTimeout: time.Minute}
	p.environment.ControlPlane.Etcd = &envtest.Etcd{}
	apiServer := p.environment.ControlPlane.GetAPIServer()
	if p.environment.ControlPlane.Etcd.Path, err = p.mortal(programs["etcd"]); err != nil {
		return err
	}
	if apiServer.Path, err = p.mortal(programs["kube-apiserver"]); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(p.logs, "kube-apiserver.log"))
	if err != nil {
		return err
	}
	apiServer.Out, apiServer.Err = log, log
	apiServer.Configure().
		// envtest disables the ServiceAccount plugin, which real clusters use.
		Disable("disable-admission-plugins").
		// Webhooks are called by the endpoints of their Services, so that no kube-proxy is needed.
		Set("enable-aggregator-routing", "true").
		Set("audit-policy-file", mustAbs("testdata/audit-policy.yaml")).
		Set("audit-log-path", filepath.Join(p.logs, "audit.log")).
		Set("audit-log-mode", "blocking-strict")
	if p.config, err = p.environment.Start(); err != nil {
		return err
	}
	p.config.WarningHandler = rest.NoWarnings{} // tests read the warnings
	p.kubeconfig = filepath.Join(p.logs, "kubeconfig")
	if err := os.WriteFile(p.kubeconfig, p.environment.KubeConfig, 0o600); err != nil {
		return err
	}
	if p.client, err = kubernetes.NewForConfig(p.config); err != nil {
		return err
	}
	version, err := p.client.Discovery().ServerVersion()
	if err != nil {
		return err
	}
	p.version = version.GitVersion
	if p.minor, err = strconv.Atoi(strings.TrimSuffix(version.Minor, "+")); err != nil || p.minor >= firstWithoutEndpoints {
		return err
	}
	var ctx context.Context
	ctx, p.stopMirror = context.WithCancel(context.Background())
	return p.mirrorEndpoints(ctx)
}

// mortal returns a wrapper of a program that envtest starts, so that the program ends with this suite, even
// if the suite panics or is killed.
func (p *plane) mortal(program string) (string, error) {
	script := filepath.Join(p.logs, filepath.Base(program))
	text := fmt.Sprintf("#!/bin/sh\nexec setpriv --pdeathsig KILL '%s' \"$@\"\n", program)
	return script, os.WriteFile(script, []byte(text), 0o700)
}

func (p *plane) stop() error {
	var errs []error
	if p.stopMirror != nil {
		p.stopMirror()
	}
	if p.manager != nil {
		errs = append(errs, p.manager.stop())
	}
	if p.config != nil {
		errs = append(errs, p.environment.Stop())
	}
	return errors.Join(errs...)
}

// process is a program that this suite started. Its output goes to a file.
type process struct {
	command *exec.Cmd
	log     string
	done    chan struct{} // closed when it has ended
}

// start runs a program in dir; "" is this package's.
func start(dir, log, program string, args ...string) (*process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	command := exec.Command(program, args...)
	command.Dir, command.Stdout, command.Stderr = dir, file, file
	// It must not outlive a suite that is killed.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, log: log, done: make(chan struct{})}
	go func() {
		_ = command.Wait() // only the end matters, not the exit status
		close(p.done)
	}()
	return p, nil
}

// stop kills the process.
func (p *process) stop() error {
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}

// tail returns the end of the process's log, for messages.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// output runs a program and returns its stdout. Its stderr is passed through, because builds print their
// progress there.
func output(dir, program string, args ...string) ([]byte, error) {
	var complaints bytes.Buffer
	command := exec.Command(program, args...)
	command.Dir = dir
	command.Stderr = io.MultiWriter(os.Stderr, &complaints)
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, complaints.String())
	}
	return out, nil
}

// eventually calls check until it returns nil or limit has passed, and returns its last error.
func eventually(ctx context.Context, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		// A request that the end of the time interrupts says nothing of why the check does not hold.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", limit, last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func mustAbs(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		panic(err) // the working directory was deleted
	}
	return absolute
}
