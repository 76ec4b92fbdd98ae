package main

import (
	"fmt"
	"os"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// readNamespaceFile reads the Namespaces of a file. It returns nil if file is "", and an error if the file
// has none.
func readNamespaceFile(file string) ([]manifest.Namespace, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("namespaces: %w", err)
	}
	stream, err := manifest.Parse(file, data)
	if err != nil {
		return nil, err
	}
	found, err := stream.Namespaces()
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &hinted{fmt.Errorf("namespaces: %s: holds no Namespace", file), "kubectl get namespace NAME -o yaml prints one"}
	}
	return found, nil
}
