package inject

import "github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"

// The names that users write. They are the public interface, documented in docs/annotations.md.
const (
	// Domain is the prefix of all labels and annotations of the injector.
	Domain = v1alpha1.Domain
	// InjectionLabel opts a namespace or a pod in or out.
	InjectionLabel = Domain + "/injection"
	// RequestAnnotation asks for sidecars.
	RequestAnnotation = Domain + "/inject"
	// StatusAnnotation records what was injected.
	StatusAnnotation = Domain + "/status"

	labelEnabled  = "enabled"
	labelDisabled = "disabled"

	// parameterSuffix ends the domain of <instance>.sidecar-injector.dev/<parameter>.
	parameterSuffix = "." + Domain

	// The reserved parameters.
	overrideParameter   = "override"
	nativeParameter     = "native"
	containersParameter = "containers"

	// SafeToEvictAnnotation names the volumes that do not keep the cluster autoscaler from evicting a pod; the
	// injected ones are added to the pod's own.
	SafeToEvictAnnotation = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"

	mirrorAnnotation           = "kubernetes.io/config.mirror"
	defaultContainerAnnotation = "kubectl.kubernetes.io/default-container"

	maxInstances = 16
	// maxEntries is how many entries of a request are read, repetitions included.
	maxEntries = 4 * maxInstances
	// maxOverride bounds the override annotation in bytes.
	maxOverride = 8 << 10
	// defaultGracePeriod is the API server's default of terminationGracePeriodSeconds.
	defaultGracePeriod = 30
)
