package main

import (
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// namespace is the pod's namespace.
const namespace = "monitoring"

// readPod returns the pod of a Deployment as its ReplicaSet's controller would create it: without a name and
// a namespace.
func readPod(file string) (*corev1.Pod, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var deployment appsv1.Deployment
	if err := yaml.UnmarshalStrict(data, &deployment); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	const hash = "656c669c85"
	owner, yes := deployment.Name+"-"+hash, true
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: deployment.Spec.Template.ObjectMeta,
		Spec:       deployment.Spec.Template.Spec,
	}
	pod.GenerateName = owner + "-"
	pod.Labels["pod-template-hash"] = hash
	pod.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner, UID: "9b1c0d7e-2f43-4c56-8a0e-6d0d2f4b8c11", Controller: &yes, BlockOwnerDeletion: &yes,
	}}
	return pod, nil
}

func writePod(file string, pod *corev1.Pod) error {
	data, err := yaml.Marshal(pod)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// container is one that counts for READY.
type container struct{ name, image string }

// containers lists what the READY column of kubectl counts: native sidecars and
// the regular containers.
func containers(pod *corev1.Pod) []container {
	var all []container
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, container{c.Name, c.Image})
		}
	}
	for _, c := range pod.Spec.Containers {
		all = append(all, container{c.Name, c.Image})
	}
	return all
}
