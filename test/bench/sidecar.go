//go:build linux

package main

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The floors add the same as the template collector, written in Go.

const injectedAnnotation = "bench.example.com/injected"

func collector() corev1.Container {
	user := int64(10001)
	return corev1.Container{
		Name: "collector", Image: "registry.example.com/logs/collector:3.2.1", ImagePullPolicy: corev1.PullIfNotPresent,
		RestartPolicy: new(corev1.ContainerRestartPolicyAlways),
		Args:          []string{"--config=/etc/collector/collector.yaml", "--follow=/var/log/app", "--health-port=8686"},
		Env: []corev1.EnvVar{
			{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}},
			{Name: "LEVEL", Value: "info"},
		},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("25m"), "memory": resource.MustParse("64Mi")},
			Limits:   corev1.ResourceList{"memory": resource.MustParse("128Mi")},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: "app-logs", MountPath: "/var/log/app", ReadOnly: true},
			{Name: "collector-config", MountPath: "/etc/collector", ReadOnly: true},
		},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/health", Port: intstr.FromInt32(8686)}},
			PeriodSeconds: 10, FailureThreshold: 3,
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false), RunAsNonRoot: new(true), ReadOnlyRootFilesystem: new(true), RunAsUser: &user,
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

func collectorVolumes() []corev1.Volume {
	return []corev1.Volume{
		{Name: "app-logs", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse("1Gi"))}}},
		{Name: "collector-config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "collector"}}}},
	}
}

func logMount() corev1.VolumeMount {
	return corev1.VolumeMount{Name: "app-logs", MountPath: "/var/log/app"}
}

// addCollector changes a typed pod.
func addCollector(pod *corev1.Pod) {
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[injectedAnnotation] = "collector"
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		c.VolumeMounts = append(c.VolumeMounts, logMount())
	}
	pod.Spec.Volumes = append(pod.Spec.Volumes, collectorVolumes()...)
	pod.Spec.InitContainers = append(pod.Spec.InitContainers, collector())
}

// readyPatch returns the same change for a pod of one container as a fixed JSON patch.
func readyPatch() ([]byte, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	patch := []operation{
		{"add", "/metadata/annotations/bench.example.com~1injected", "collector"},
		{"add", "/spec/containers/0/volumeMounts/-", logMount()},
		{"add", "/spec/initContainers", []corev1.Container{collector()}},
	}
	for _, volume := range collectorVolumes() {
		patch = append(patch, operation{"add", "/spec/volumes/-", volume})
	}
	raw, err := json.Marshal(patch)
	if err != nil {
		return nil, fmt.Errorf("ready-made patch: %w", err)
	}
	return raw, nil
}
