package explain

import "slices"

// podFields is the part of a pod that an explanation uses.
type podFields struct {
	Metadata struct {
		UID                 string
		Labels, Annotations map[string]string
		OwnerReferences     []ownerReference
	}
	Spec struct {
		ServiceAccountName           string
		AutomountServiceAccountToken *bool
		InitContainers, Containers   []containerFields
	}
	Status podStatus
}

type ownerReference struct {
	APIVersion, Kind, Name string
	Controller             bool
}

type podStatus struct {
	Phase, Reason, Message                   string
	InitContainerStatuses, ContainerStatuses []containerStatus
	Conditions                               []struct{ Type, Status string }
}

// unprepared reports whether the pod has a node, on which its containers cannot be created yet: a volume is
// not mounted, for example.
func (p *podStatus) unprepared() bool {
	return slices.Contains(p.Conditions, struct{ Type, Status string }{"PodScheduled", "True"}) &&
		slices.Contains(p.Conditions, struct{ Type, Status string }{"PodReadyToStartContainers", "False"})
}

type containerFields struct {
	Name, Image, RestartPolicy                  string
	VolumeMounts                                []struct{ Name, MountPath string }
	VolumeDevices                               []struct{ Name, DevicePath string }
	Env                                         []struct{ Name, Value string }
	EnvFrom                                     []environmentSource
	LivenessProbe, ReadinessProbe, StartupProbe *struct{}
	// Lifecycle has the hooks by name.
	Lifecycle map[string]*struct{}
}

// environmentSource is an item of envFrom; one of the two references has a name.
type environmentSource struct {
	Prefix                  string
	ConfigMapRef, SecretRef struct{ Name string }
}

type containerStatus struct {
	Name         string
	Ready        bool
	RestartCount int
	// State and LastState have one of waiting, running, terminated.
	State, LastState map[string]containerState
}
