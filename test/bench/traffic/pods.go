// Package traffic generates the input of benchmarks: pods, the admission reviews that the API server would
// send for them, and the templates that they request.
package traffic

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Namespace is the namespace of all pods. Without a cluster, every namespace is opted in.
const Namespace = "monitoring"

// tokenVolume is the volume with the service account's token, which the API server adds before it calls
// webhooks.
const tokenVolume = "kube-api-access-q8d5n"

// Small returns a pod of one container without special fields.
func Small() *corev1.Pod {
	return podOf("web", corev1.Container{
		Name: "web", Image: "docker.io/library/nginx:1.29.1",
		Ports: []corev1.ContainerPort{{ContainerPort: 80, Protocol: corev1.ProtocolTCP}},
	})
}

// Grafana returns the pod of Grafana's chart, without its own sidecars.
func Grafana() *corev1.Pod {
	secret := func(variable, key string) corev1.EnvVar {
		return corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "grafana"}, Key: key}}}
	}
	pod := podOf("grafana", corev1.Container{
		Name: "grafana", Image: "docker.io/grafana/grafana:12.1.1",
		Ports: []corev1.ContainerPort{
			{Name: "grafana", ContainerPort: 3000, Protocol: corev1.ProtocolTCP},
			{Name: "gossip-tcp", ContainerPort: 9094, Protocol: corev1.ProtocolTCP},
			{Name: "gossip-udp", ContainerPort: 9094, Protocol: corev1.ProtocolUDP},
		},
		Env: []corev1.EnvVar{
			{Name: "POD_IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "status.podIP"}}},
			secret("GF_SECURITY_ADMIN_USER", "admin-user"),
			secret("GF_SECURITY_ADMIN_PASSWORD", "admin-password"),
			{Name: "GF_PATHS_DATA", Value: "/var/lib/grafana/"},
			{Name: "GF_PATHS_LOGS", Value: "/var/log/grafana"},
			{Name: "GF_PATHS_PLUGINS", Value: "/var/lib/grafana/plugins"},
			{Name: "GF_PATHS_PROVISIONING", Value: "/etc/grafana/provisioning"},
			{Name: "GF_UNIFIED_STORAGE_INDEX_PATH", Value: "/var/lib/grafana-search/bleve"},
		},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("256Mi")},
			Limits:   corev1.ResourceList{"memory": resource.MustParse("512Mi")},
		},
		LivenessProbe:  probe("/api/health", "grafana", 60),
		ReadinessProbe: probe("/api/health", "grafana", 0),
		VolumeMounts: []corev1.VolumeMount{
			{Name: "config", MountPath: "/etc/grafana/grafana.ini", SubPath: "grafana.ini"},
			{Name: "config", MountPath: "/etc/grafana/provisioning/datasources/datasources.yaml", SubPath: "datasources.yaml"},
			{Name: "storage", MountPath: "/var/lib/grafana"},
			{Name: "search", MountPath: "/var/lib/grafana-search"},
			{Name: "dashboards", MountPath: "/var/lib/grafana/dashboards/default"},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false), Privileged: new(false), RunAsNonRoot: new(true),
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	})
	pod.Annotations["checksum/config"] = "5f0e8a6a6ac0e6e0c7d0f9e6d14d0c5a7f3ad2c1a1e7f40c5d5f0d1fcb5bd7a2"
	pod.Annotations["checksum/secret"] = "a3b2a4a0f64fd7cc2e0bd1cb2a9da0a2d9bb1af6a8b30c1e5f9f4ee4f1cf61f0"
	pod.Annotations["kubectl.kubernetes.io/default-container"] = "grafana"
	pod.Labels["app.kubernetes.io/version"], pod.Labels["helm.sh/chart"] = "12.1.1", "grafana-9.4.5"
	user := int64(472)
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &user, FSGroup: &user, RunAsNonRoot: new(true)}
	pod.Spec.Volumes = append([]corev1.Volume{
		configMap("config", "grafana"), configMap("dashboards", "grafana-dashboards-default"),
		{Name: "storage", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "grafana"}}},
		{Name: "search", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}, pod.Spec.Volumes...)
	pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 100, PodAffinityTerm: corev1.PodAffinityTerm{
			TopologyKey:   "kubernetes.io/hostname",
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "grafana"}},
		}}}}}
	return pod
}

// Wordy returns the Grafana pod with additional environment variables.
func Wordy(variables int) *corev1.Pod {
	pod := Grafana()
	app := &pod.Spec.Containers[0]
	app.Env = append(app.Env, variablesNumbered("WORDY", variables)...)
	return pod
}

// Crowded returns a pod with many containers of the usual size: some environment, two probes, two mounts. The
// first has additional variables.
func Crowded(containers, variables int) *corev1.Pod {
	var apps []corev1.Container
	for i := range containers {
		port := fmt.Sprintf("http-%d", i)
		app := corev1.Container{
			Name: fmt.Sprintf("worker-%02d", i), Image: fmt.Sprintf("registry.example.com/shop/worker:%d.4.2", i),
			Args:  []string{"--mode=worker", fmt.Sprintf("--shard=%d", i)},
			Ports: []corev1.ContainerPort{{Name: port, ContainerPort: int32(9000 + i), Protocol: corev1.ProtocolTCP}},
			Env:   variablesNumbered(fmt.Sprintf("WORKER_%02d", i), 8),
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("50m"), "memory": resource.MustParse("128Mi")},
				Limits:   corev1.ResourceList{"memory": resource.MustParse("512Mi")},
			},
			LivenessProbe:  probe("/healthz", port, 5),
			ReadinessProbe: probe("/readyz", port, 5),
			VolumeMounts: []corev1.VolumeMount{
				{Name: "config", MountPath: "/etc/worker", ReadOnly: true},
				{Name: "scratch", MountPath: "/scratch", SubPath: fmt.Sprintf("worker-%02d", i)},
			},
		}
		if i == 0 {
			app.Env = append(app.Env, variablesNumbered("SHARED", variables)...)
		}
		apps = append(apps, app)
	}
	pod := podOf("workers", apps...)
	pod.Spec.Volumes = append([]corev1.Volume{
		configMap("config", "workers"),
		{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}, pod.Spec.Volumes...)
	return pod
}

func variablesNumbered(prefix string, n int) []corev1.EnvVar {
	list := make([]corev1.EnvVar, n)
	for i := range list {
		list[i] = corev1.EnvVar{Name: fmt.Sprintf("%s_VARIABLE_%04d", prefix, i), Value: fmt.Sprintf("the value of number %d", i)}
	}
	return list
}

func probe(path, port string, delay int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString(port), Scheme: corev1.URISchemeHTTP}},
		InitialDelaySeconds: delay, TimeoutSeconds: 30, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 10,
	}
}

func configMap(volume, name string) corev1.Volume {
	return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: name}, DefaultMode: new(int32(0o644))}}}
}

// podOf returns a ReplicaSet's pod as a webhook receives it: with the API server's defaults and the service
// account's token.
func podOf(app string, containers ...corev1.Container) *corev1.Pod {
	for i := range containers {
		c := &containers[i]
		c.TerminationMessagePath, c.TerminationMessagePolicy = "/dev/termination-log", corev1.TerminationMessageReadFile
		c.ImagePullPolicy = corev1.PullIfNotPresent
	}
	owner := app + "-6b7f9c8d54"
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: owner + "-", Namespace: Namespace,
			Labels:      map[string]string{"app.kubernetes.io/name": app, "app.kubernetes.io/instance": app, "pod-template-hash": "6b7f9c8d54"},
			Annotations: map[string]string{"prometheus.io/scrape": "true"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner,
				UID: "c1f0a7de-52f4-4a55-8b7b-0f4c4b0d6b2e", Controller: new(true), BlockOwnerDeletion: new(true)}},
		},
		Spec: corev1.PodSpec{
			Containers: containers,
			Volumes: []corev1.Volume{{Name: tokenVolume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
				DefaultMode: new(int32(0o644)),
				Sources: []corev1.VolumeProjection{
					{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: new(int64(3607)), Path: "token"}},
					{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
						Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}},
					{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "namespace",
						FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}}}}},
				}}}}},
			RestartPolicy: corev1.RestartPolicyAlways, TerminationGracePeriodSeconds: new(int64(30)), DNSPolicy: corev1.DNSClusterFirst,
			ServiceAccountName: app, DeprecatedServiceAccount: app, SecurityContext: &corev1.PodSecurityContext{},
			SchedulerName: corev1.DefaultSchedulerName, Priority: new(int32(0)), EnableServiceLinks: new(true),
			PreemptionPolicy: new(corev1.PreemptLowerPriority),
			Tolerations: []corev1.Toleration{
				{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64(300))},
				{Key: "node.kubernetes.io/unreachable", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64(300))},
			},
		},
	}
}
