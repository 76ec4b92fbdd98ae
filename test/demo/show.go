package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	corev1 "k8s.io/api/core/v1"
)

func showBefore(example string, pod *corev1.Pod) {
	fmt.Printf("The pod of %s asks by annotation\n\n", example)
	var keys []string
	for key := range pod.Annotations {
		if strings.Contains(key, "sidecar-injector.dev/") {
			keys = append(keys, key)
		}
	}
	// The request comes first, then the parameters of each instance.
	slices.SortFunc(keys, func(a, b string) int {
		if x, y := strings.HasPrefix(a, "sidecar-injector.dev/"), strings.HasPrefix(b, "sidecar-injector.dev/"); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, key := range keys {
		fmt.Printf("  %s: %s\n", key, pod.Annotations[key])
	}
	fmt.Printf("\nbefore\n\n")
	table(pod)
}

func showAfter(pod *corev1.Pod, answer *answer) {
	fmt.Printf("\nafter: POST /mutate took %s and gave %d JSON patch operations\n\n", answer.took, answer.operations)
	table(pod)
}

// table lists the containers. READY is what kubectl shows once all of them are.
func table(pod *corev1.Pod) {
	all := containers(pod)
	fmt.Printf("  READY %d/%d\n", len(all), len(all))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	for _, c := range all {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", c.name, c.kind, c.image)
	}
	// Standard output that has gone is nobody's fault.
	_ = w.Flush()
}
