package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// answer is the webhook's response.
type answer struct {
	patch      []byte
	operations int
	took       time.Duration
}

// uid is the request's; the response must repeat it.
const uid types.UID = "0f0f6c1e-7d2b-4f7a-9c55-1f5a6f1f9a10"

// review posts the creation of the pod as the API server does.
func (s *server) review(ctx context.Context, pod *corev1.Pod) (*answer, error) {
	object, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	timeout := int64(5)
	kind := metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}
	resource := metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	no := false
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: uid, Kind: kind, Resource: resource, RequestKind: &kind, RequestResource: &resource,
			Namespace: namespace, Operation: admissionv1.Create, DryRun: &no,
			UserInfo: authenticationv1.UserInfo{
				Username: "system:serviceaccount:kube-system:replicaset-controller",
				Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"},
			},
			Object: runtime.RawExtension{Raw: object},
		},
	})
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("https://%s/mutate?timeout=%ds", s.webhook, timeout)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, */*")
	begin := time.Now()
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	took := time.Since(begin)
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("webhook: %s: %s", response.Status, data)
	}
	return read(data, took)
}

// read checks an answer as the API server does.
func read(data []byte, took time.Duration) (*answer, error) {
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(data, &review); err != nil {
		return nil, fmt.Errorf("webhook's answer: %w", err)
	}
	r := review.Response
	switch {
	case r == nil:
		return nil, errors.New("webhook's answer: no response in it")
	case r.UID != uid:
		return nil, fmt.Errorf("webhook's answer: uid %s, want %s", r.UID, uid)
	case !r.Allowed:
		return nil, fmt.Errorf("webhook refused the pod: %s", r.Result.Message)
	case len(r.Warnings) > 0:
		return nil, fmt.Errorf("webhook warned: %q", r.Warnings)
	}
	a := &answer{patch: r.Patch, took: took.Round(100 * time.Microsecond)}
	if len(r.Patch) == 0 {
		return a, nil
	}
	if r.PatchType == nil || *r.PatchType != admissionv1.PatchTypeJSONPatch {
		return nil, errors.New("webhook's answer: the patch is not a JSON patch")
	}
	var operations []json.RawMessage
	if err := json.Unmarshal(r.Patch, &operations); err != nil {
		return nil, fmt.Errorf("webhook's answer: patch: %w", err)
	}
	a.operations = len(operations)
	return a, nil
}

// apply returns the pod with the patch applied.
func (a *answer) apply(pod *corev1.Pod) (*corev1.Pod, error) {
	if a.operations == 0 {
		return nil, errors.New("webhook's answer: no patch")
	}
	object, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.DecodePatch(a.patch)
	if err != nil {
		return nil, fmt.Errorf("webhook's answer: patch: %w", err)
	}
	object, err = patch.Apply(object)
	if err != nil {
		return nil, fmt.Errorf("webhook's answer: patch does not apply: %w", err)
	}
	patched := &corev1.Pod{}
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(patched); err != nil {
		return nil, fmt.Errorf("patched pod: %w", err)
	}
	return patched, nil
}
