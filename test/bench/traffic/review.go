package traffic

import (
	"encoding/json"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// UID is the UID of every review.
const UID = "2d7bb64c-93cc-4a52-9a1e-8b5cf53a7d3b"

// Review returns the admission review of the pod's creation by a ReplicaSet.
func Review(pod *corev1.Pod) ([]byte, error) {
	managed, err := managedFields(pod)
	if err != nil {
		return nil, err
	}
	pod.ManagedFields = managed
	object, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	return review(pod.Namespace, object)
}

func review(namespace string, object []byte) ([]byte, error) {
	kind := metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}
	resource := metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	return json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: UID, Kind: kind, Resource: resource, RequestKind: &kind, RequestResource: &resource,
			Namespace: namespace, Operation: admissionv1.Create,
			UserInfo: authenticationv1.UserInfo{
				Username: "system:serviceaccount:kube-system:replicaset-controller", UID: "7c51a7f3-2a4b-4f8e-b6de-0f6c2d8f6a10",
				Groups: []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"},
				Extra:  map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/credential-id": {"JTI=5a1e9d0c-7f5a-4c77-9d07-51c0a5c3f6de"}},
			},
			Object:  runtime.RawExtension{Raw: object},
			DryRun:  new(false),
			Options: runtime.RawExtension{Raw: []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}`)},
		},
	})
}

// Reinvoked returns the review of the second call: the patched pod, with the defaults of a container and the
// service account's token in every container that lacks it.
func Reinvoked(first []byte, patch func(pod []byte) ([]byte, error)) ([]byte, error) {
	var received admissionv1.AdmissionReview
	if err := json.Unmarshal(first, &received); err != nil {
		return nil, err
	}
	patched, err := patch(received.Request.Object.Raw)
	if err != nil {
		return nil, err
	}
	var pod corev1.Pod
	if err := json.Unmarshal(patched, &pod); err != nil {
		return nil, err
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			complete(&list[i])
		}
	}
	object, err := json.Marshal(&pod)
	if err != nil {
		return nil, err
	}
	return review(received.Request.Namespace, object)
}

// complete adds the API server's defaults to a container.
func complete(c *corev1.Container) {
	if c.TerminationMessagePath == "" {
		c.TerminationMessagePath, c.TerminationMessagePolicy = "/dev/termination-log", corev1.TerminationMessageReadFile
	}
	const folder = "/var/run/secrets/kubernetes.io/serviceaccount"
	if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == folder }) {
		return
	}
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: tokenVolume, MountPath: folder, ReadOnly: true})
}

// managedFields returns the entry that the API server adds for the client that created the pod. It is about
// as long as the rest of the pod and part of every review.
func managedFields(pod *corev1.Pod) ([]metav1.ManagedFieldsEntry, error) {
	raw, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	owned := map[string]any{}
	for _, part := range []string{"metadata", "spec"} {
		owned["f:"+part] = fieldsOf(object[part])
	}
	fields, err := json.Marshal(owned)
	if err != nil {
		return nil, err
	}
	return []metav1.ManagedFieldsEntry{{
		Manager: "kube-controller-manager", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1",
		Time:       &metav1.Time{}, // any constant time
		FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: fields},
	}}, nil
}

// fieldsOf returns the set of a value's fields. Lists whose items have no key are owned as a whole.
func fieldsOf(value any) map[string]any {
	fields := map[string]any{}
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if name != "tolerations" && name != "affinity" { // owned whole
				fields["f:"+name] = fieldsOf(member)
			}
		}
	case []any:
		for _, item := range v {
			object, _ := item.(map[string]any)
			key := keyOf(object)
			if key == "" || strings.Contains(key, tokenVolume) {
				continue
			}
			inner := fieldsOf(object)
			inner["."] = map[string]any{}
			fields["k:"+key] = inner
		}
		if len(fields) > 0 {
			fields["."] = map[string]any{}
		}
	}
	return fields
}

// keyOf returns the key of a list's item, as in server-side apply.
func keyOf(item map[string]any) string {
	for _, name := range []string{"mountPath", "containerPort", "uid", "name"} {
		value, ok := item[name]
		if !ok {
			continue
		}
		key := map[string]any{name: value}
		if name == "containerPort" {
			key["protocol"] = item["protocol"]
		}
		text, err := json.Marshal(key)
		if err == nil {
			return string(text)
		}
	}
	return ""
}
