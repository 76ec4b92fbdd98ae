package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
)

type settings struct {
	address, telemetryAddress string
	namespaces                []string
	pods                      bool // whether there are metrics of pods
}

// resources are the values of --resources in the original.
var resources = []string{
	"certificatesigningrequests", "clusterrolebindings", "clusterroles", "configmaps", "cronjobs", "daemonsets", "deployments",
	"endpoints", "endpointslices", "horizontalpodautoscalers", "ingressclasses", "ingresses", "jobs", "leases", "limitranges",
	"mutatingwebhookconfigurations", "namespaces", "networkpolicies", "nodes", "persistentvolumeclaims", "persistentvolumes",
	"poddisruptionbudgets", "pods", "replicasets", "replicationcontrollers", "resourcequotas", "rolebindings", "roles", "secrets",
	"serviceaccounts", "services", "statefulsets", "storageclasses", "validatingwebhookconfigurations", "volumeattachments",
}

func newSettings(args []string) (settings, error) {
	flags := pflag.NewFlagSet("kube-state-metrics", pflag.ContinueOnError)
	host := flags.String("host", "", "address of the metrics")
	port := flags.Uint16("port", 8080, "port of the metrics")
	telemetryHost := flags.String("telemetry-host", "", "address of the process's own metrics")
	telemetryPort := flags.Uint16("telemetry-port", 8081, "port of the process's own metrics")
	wanted := flags.StringSlice("resources", []string{"pods"}, "resources to have metrics of")
	namespaces := flags.StringSlice("namespaces", []string{v1.NamespaceAll}, "namespaces to look in; all without")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	for _, name := range *wanted {
		if !slices.Contains(resources, name) {
			return settings{}, fmt.Errorf("--resources: resource %q does not exist", name)
		}
	}
	return settings{
		address:          net.JoinHostPort(*host, strconv.Itoa(int(*port))),
		telemetryAddress: net.JoinHostPort(*telemetryHost, strconv.Itoa(int(*telemetryPort))),
		namespaces:       *namespaces,
		pods:             slices.Contains(*wanted, "pods"),
	}, nil
}
