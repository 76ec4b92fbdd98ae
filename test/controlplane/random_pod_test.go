//go:build controlplane

package controlplane

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// generator makes random pods and templates with names from small pools, so that names collide now and then.
// Equal seeds make equal pods.
type generator struct{ *rand.Rand }

func newGenerator(seed, n uint64) generator { return generator{rand.New(rand.NewPCG(seed, n))} }

// chance is true once in n times.
func (g generator) chance(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// some returns up to most different values.
func some[T any](g generator, most int, from ...T) []T {
	g.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:g.IntN(min(most, len(from))+1)]
}

func (g generator) quantity() string {
	return pick(g, "1m", "0.1", "100m", "1", "1.50", "1000m", "2e-1", "0.5")
}

func (g generator) memory() string {
	return pick(g, "16Mi", "16384Ki", "0.5Gi", "64M", "1e8", "128974848", "1024Mi")
}

func (g generator) path() string {
	return pick(g, "/data", "/data/", "/logs", "/var/log/app", "/etc/conf", "/etc/conf/d", "/cache", "/srv", "/run/app", "/opt/x/./y")
}

func (g generator) volumeName() string {
	return pick(g, "data", "logs", "conf", "cache", "shared", "run", "secrets")
}

func (g generator) containerName() string {
	return pick(g, "app", "web", "worker", "proxy", "api", "cache-warmer", "an-app-container-with-quite-a-long-name-indeed")
}

// pod returns a valid pod with the name.
func (g generator) pod(name string) *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Labels:      map[string]string{"app": "random", "tier": pick(g, "front", "back")},
			Annotations: map[string]string{},
		},
	}
	for _, a := range some(g, 3, "example.com/unknown", "prometheus.io/scrape", "example.com/json", "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes") {
		pod.Annotations[a] = pick(g, "true", "", `{"a":[1,2],"b":"ü☃"}`, "a,b", "two\nlines\t\\\"quoted\"")
	}
	g.fillSpec(&pod.Spec)
	used := map[string]bool{}
	unused := func() string {
		name := g.containerName()
		for used[name] {
			name += "x"
		}
		used[name] = true
		return name
	}
	for range 1 + g.IntN(3) {
		pod.Spec.Containers = append(pod.Spec.Containers, g.container(&pod.Spec, unused()))
	}
	for range g.IntN(3) {
		c := g.container(&pod.Spec, unused())
		c.LivenessProbe, c.ReadinessProbe, c.Lifecycle = nil, nil, nil
		if g.chance(2) {
			c.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
		}
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
	}
	g.hostPorts(&pod.Spec)
	return pod
}

func (g generator) fillSpec(spec *corev1.PodSpec) {
	spec.RestartPolicy = pick(g, "", corev1.RestartPolicyAlways, corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)
	if g.chance(3) {
		spec.TerminationGracePeriodSeconds = new(pick(g, int64(0), 5, 30, 120))
	}
	if g.chance(4) {
		spec.AutomountServiceAccountToken = new(false)
	}
	if g.chance(8) {
		spec.ShareProcessNamespace = new(g.chance(2))
	}
	if g.chance(12) {
		spec.HostNetwork = true
	}
	if g.chance(4) {
		spec.NodeSelector = map[string]string{"kubernetes.io/os": "linux"}
	}
	if g.chance(3) {
		spec.SecurityContext = &corev1.PodSecurityContext{
			RunAsUser: new(pick(g, int64(0), 1000)), SupplementalGroups: some(g, 2, int64(10), 20, 3000),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}
		if g.chance(2) {
			spec.SecurityContext.FSGroup = new(int64(2000))
		}
	}
	if g.chance(3) {
		spec.Tolerations = append(spec.Tolerations, pick(g,
			corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpExists},
			corev1.Toleration{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64(5))},
			corev1.Toleration{Operator: corev1.TolerationOpExists}))
	}
	if g.chance(4) {
		spec.HostAliases = []corev1.HostAlias{{IP: pick(g, "10.0.0.1", "127.0.0.1"), Hostnames: []string{"db", "db.local"}}}
	}
	if g.chance(4) {
		spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: pick(g, "registry", "mirror")}}
	}
	if g.chance(6) {
		spec.DNSConfig = &corev1.PodDNSConfig{Nameservers: []string{"10.0.0.10"}, Options: []corev1.PodDNSConfigOption{{Name: "ndots", Value: new("2")}}}
	}
	if g.chance(5) {
		spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: "kubernetes.io/hostname", WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "random"}},
		}}
	}
	if g.chance(6) {
		spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/wait"}}
	}
	if g.chance(6) {
		spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/ready"}}
	}
	if g.chance(8) {
		spec.PriorityClassName = "system-cluster-critical"
	}
	g.fillRarely(spec)
	for _, name := range some(g, 5, "data", "logs", "conf", "cache", "shared", "run", "secrets") {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: g.volume()})
	}
}

// fillRarely adds fields that few pods have.
func (g generator) fillRarely(spec *corev1.PodSpec) {
	if g.chance(10) {
		spec.Subdomain, spec.Hostname, spec.SetHostnameAsFQDN = "random", "host", new(g.chance(2))
	}
	if g.chance(10) {
		spec.OS = &corev1.PodOS{Name: corev1.Linux}
	}
	if g.chance(10) {
		spec.EnableServiceLinks = new(false)
	}
	if g.chance(10) {
		spec.Resources = &corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: quantity("20"), corev1.ResourceMemory: quantity("20Gi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: quantity("30Gi")},
		}
	}
	if g.chance(6) {
		spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight: 1, PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "app", Operator: metav1.LabelSelectorOpExists}}}},
		}}}}
	}
}

// volume returns one of many kinds of volumes, including every kind of emptyDir that templates add.
func (g generator) volume() corev1.VolumeSource {
	items := []corev1.KeyToPath{{Key: "a", Path: "x/a"}, {Key: "b", Path: "b", Mode: new(int32(0o400))}}
	named := corev1.LocalObjectReference{Name: "settings"}
	switch g.IntN(13) {
	case 0, 1:
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	case 2:
		size := quantity(pick(g, "16Mi", "16384Ki", "1Gi"))
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &size, Medium: pick(g, "", corev1.StorageMediumMemory)}}
	case 3:
		return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: named, Items: some(g, 2, items...), Optional: new(true)}}
	case 4:
		return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "keys", DefaultMode: new(pick(g, int32(0o644), 0o400))}}
	case 5:
		return corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
			{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}}
	case 6:
		return corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: named}},
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", Audience: "vault"}}}}}
	case 7:
		return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/log", Type: new(pick(g, corev1.HostPathUnset, corev1.HostPathDirectory))}}
	case 8:
		return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim", ReadOnly: g.chance(2)}}
	case 9:
		return corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nfs.example.com", Path: "/export"}}
	case 10:
		return corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "registry.example.com/model:1", PullPolicy: pick(g, "", corev1.PullAlways)}}
	case 11:
		return corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: quantity("1Gi")}},
		}}}}
	default:
		return corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "csi.example.com", VolumeAttributes: map[string]string{"class": "x/y~z"}}}
	}
}

func (g generator) container(spec *corev1.PodSpec, name string) corev1.Container {
	c := corev1.Container{Name: name, Image: pick(g, "registry.example.com/app:1.0.0", "app", "app:latest")}
	if g.chance(6) {
		c.WorkingDir, c.TTY, c.Stdin = "/srv", true, true
		c.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	}
	if g.chance(3) {
		c.Command, c.Args = []string{"/bin/app"}, some(g, 3, "-v", "$(HOME)", "--label=a b", "${x}")
	}
	mounted := map[string]bool{}
	for range g.IntN(4) {
		if len(spec.Volumes) == 0 {
			break
		}
		mount := corev1.VolumeMount{Name: pick(g, spec.Volumes...).Name, MountPath: g.path(), ReadOnly: g.chance(4)}
		if g.chance(5) {
			mount.SubPath = "sub"
		} else if g.chance(8) {
			mount.SubPathExpr = "$(HOME)"
		}
		if !mounted[mount.MountPath] {
			mounted[mount.MountPath] = true
			c.VolumeMounts = append(c.VolumeMounts, mount)
		}
	}
	g.fillEnv(&c)
	g.fillResources(&c)
	for n := range g.IntN(3) {
		c.Ports = append(c.Ports, corev1.ContainerPort{
			Name:          pick(g, "", fmt.Sprintf("port-%d", n)),
			ContainerPort: pick(g, int32(80), 8080, 9000, 9090), Protocol: pick(g, "", corev1.ProtocolTCP, corev1.ProtocolUDP),
		})
	}
	if g.chance(3) {
		c.ReadinessProbe = g.probe()
	}
	if g.chance(3) {
		c.LivenessProbe = g.probe()
	}
	if g.chance(5) {
		c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sleep", "1"}}}}
	}
	if g.chance(3) {
		c.SecurityContext = &corev1.SecurityContext{
			RunAsUser: new(pick(g, int64(0), 1000)), ReadOnlyRootFilesystem: new(g.chance(2)),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}
	}
	return c
}

func (g generator) fillEnv(c *corev1.Container) {
	for _, name := range some(g, 4, "HOME", "LEVEL", "TOKEN", "POD", "CPU", "dotted.name") {
		e := corev1.EnvVar{Name: name}
		switch g.IntN(5) {
		case 0, 1:
			e.Value = pick(g, "", "info", "$(HOME)/x", "ü☃ \"q\"", "1")
		case 2:
			e.ValueFrom = &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: pick(g, "metadata.name", "status.podIP", "metadata.labels['app']")}}
		case 3:
			e.ValueFrom = &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}}
		case 4:
			e.ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}, Key: "a"}}
		}
		c.Env = append(c.Env, e)
	}
	if g.chance(5) {
		c.EnvFrom = []corev1.EnvFromSource{{Prefix: "P_", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}
	}
}

func (g generator) fillResources(c *corev1.Container) {
	if g.chance(2) {
		c.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: quantity("1m"), corev1.ResourceMemory: quantity("1Mi")}
	}
	if g.chance(3) {
		c.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: quantity(g.quantity()), corev1.ResourceMemory: quantity(g.memory())}
	}
}

func (g generator) probe() *corev1.Probe {
	p := &corev1.Probe{PeriodSeconds: int32(g.IntN(20)), InitialDelaySeconds: int32(g.IntN(5))}
	switch g.IntN(4) {
	case 0:
		p.HTTPGet = &corev1.HTTPGetAction{Path: pick(g, "/", "/healthz?x=1", ""), Port: pick(g, intstr.FromInt32(80), intstr.FromString("http")), Scheme: pick(g, "", corev1.URISchemeHTTPS)}
	case 1:
		p.TCPSocket = &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}
	case 2:
		p.Exec = &corev1.ExecAction{Command: []string{"true"}}
	case 3:
		p.GRPC = &corev1.GRPCAction{Port: 9000, Service: new("x")}
	}
	return p
}

// respell writes some quantities in a non-canonical form: the API server makes them canonical, inject does
// not change them.
func (g generator) respell(value any) {
	other := map[string]string{"1m": "0.001", "100m": "0.1", "1": "1000m", "1Mi": "1024Ki", "16Mi": "16384Ki", "1Gi": "1024Mi", "512Mi": "0.5Gi"}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			g.respell(item)
		}
	case object:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text, isText := v[key].(string)
			switch {
			case !isText:
				g.respell(v[key])
			case key == "cpu" || key == "memory" || key == "sizeLimit":
				if o, known := other[text]; known && g.chance(2) {
					v[key] = o
				}
			}
		}
	}
}

// hostPorts turns some ports into host ports, each number once. In a host-network pod every port is one.
func (g generator) hostPorts(spec *corev1.PodSpec) {
	used := map[string]bool{}
	for _, list := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range list {
			var ports []corev1.ContainerPort
			names := map[string]bool{}
			for _, p := range list[i].Ports {
				key := fmt.Sprintf("%d/%s", p.ContainerPort, p.Protocol)
				if p.Protocol == "" {
					key += "TCP"
				}
				if (spec.HostNetwork || g.chance(8)) && !used[key] {
					used[key] = true
					p.HostPort = p.ContainerPort
				} else if spec.HostNetwork {
					continue
				}
				if p.Name == "" || !names[p.Name] {
					names[p.Name] = true
					ports = append(ports, p)
				}
			}
			list[i].Ports = ports
		}
	}
}
