package main

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// show prints a pod's annotations for the injector and its containers. READY is the count that kubectl shows
// once all containers are ready.
func show(example string, pod *corev1.Pod) {
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
	fmt.Printf("\nand has\n\n")
	all := containers(pod)
	fmt.Printf("  READY %d/%d\n", len(all), len(all))
	for _, c := range all {
		fmt.Printf("  %s   %s\n", c.name, c.image)
	}
}
