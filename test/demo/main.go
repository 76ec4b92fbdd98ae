// Command demo shows the whole product on one pod, without a cluster: it starts the real binary as a webhook,
// sends it the Grafana pod of examples/grafana as the API server would, applies the returned patch, and lets
// the binary explain the result. It fails if the result is not the expected one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// patience is the maximum time of the whole demo, including the start on a slow machine.
const patience = 60 * time.Second

func main() {
	binary := flag.String("binary", "bin/sidecar-injector", "the program to show")
	example := flag.String("example", "examples/grafana/deployment.yaml", "the Deployment whose pod is sent")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := run(ctx, *binary, *example); err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary, example string) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "sidecar-injector-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	before, err := readPod(example)
	if err != nil {
		return err
	}
	s, err := start(ctx, binary, folder)
	if err != nil {
		return err
	}
	defer s.kill()

	show(example, before)
	first, err := s.review(ctx, before)
	if err != nil {
		return err
	}
	after, err := first.apply(before)
	if err != nil {
		return err
	}
	if err := expect(after); err != nil {
		return err
	}
	second, err := s.review(ctx, after)
	if err != nil {
		return err
	}
	if second.operations > 0 {
		return fmt.Errorf("a second injection changes the pod: %s", second.patch)
	}
	fmt.Printf("\nPOST /mutate took %s and gave %d JSON patch operations. With them applied:\n", first.took, first.operations)
	if err := explain(ctx, binary, folder, after); err != nil {
		return err
	}
	if err := s.stop(); err != nil {
		return err
	}
	fmt.Println("\nSent once more, the pod stays as it is. The server got SIGTERM and ended with exit code 0.")
	return nil
}

// expect checks the sidecars by name and order, and that nothing was lost.
func expect(after *corev1.Pod) error {
	var got []string
	for _, c := range containers(after) {
		got = append(got, c.name)
	}
	want := []string{"grafana-sc-dashboard", "grafana-sc-datasources", "grafana"}
	if !slices.Equal(got, want) {
		return fmt.Errorf("containers after injection: got %s, want %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	for _, mount := range []string{"/tmp/dashboards", "/etc/grafana/provisioning/datasources"} {
		if !slices.ContainsFunc(after.Spec.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == mount }) {
			return fmt.Errorf("container grafana: nothing is mounted at %s", mount)
		}
	}
	return nil
}

// explain prints the output of the command explain for the pod: the READY count, the origin of each
// container, and the details of the first of the two sidecars.
func explain(ctx context.Context, binary, folder string, pod *corev1.Pod) error {
	if err := writePod(filepath.Join(folder, "pod.yaml"), pod); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, binary, "explain", "-f", "pod.yaml", "-n", namespace)
	command.Dir = folder
	out, err := command.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("explain: %w: %s", err, exit.Stderr)
	}
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	paragraphs := strings.Split(strings.TrimSpace(string(out)), "\n\n")
	fmt.Printf("\n$ sidecar-injector explain -f pod.yaml -n %s\n", namespace)
	for _, beginning := range []string{"READY 3/3: 1 container of the app and 2 sidecars", "  1  grafana-sc-dashboard ", "dashboard: ", "datasources: "} {
		i := slices.IndexFunc(paragraphs, func(p string) bool { return strings.HasPrefix(p, beginning) })
		switch {
		case i < 0:
			return fmt.Errorf("explain: nothing begins with %q in\n%s", beginning, out)
		case beginning == "datasources: ":
			fmt.Printf("\ndatasources: …\n")
		default:
			fmt.Printf("\n%s\n", paragraphs[i])
		}
	}
	return nil
}
