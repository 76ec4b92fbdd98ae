package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// Pod is a pod of a cluster, with the fields that the commands use.
type Pod struct {
	// JSON is the whole pod as the API server sent it.
	JSON                []byte
	Namespace, Name     string
	UID                 types.UID
	Labels, Annotations map[string]string
	// Owner is the object that recreates the pod when it is deleted; the zero value if there is none.
	Owner Owner
	// Account is the name of its service account.
	Account string
	// Over is true if the pod has ended or is being deleted.
	Over  bool
	Phase corev1.PodPhase
	Ready bool

	controller metav1.OwnerReference
}

// Owner is a workload, as kubectl names it: a kind may be followed by its group.
type Owner struct{ Kind, Name string }

// String returns kind/name, the kind in lower case.
func (o Owner) String() string { return strings.ToLower(o.Kind) + "/" + o.Name }

// podHeader is the part of a pod that is decoded.
type podHeader struct {
	Metadata struct {
		Name, Namespace     string
		UID                 types.UID
		Labels, Annotations map[string]string
		DeletionTimestamp   *string
		OwnerReferences     []metav1.OwnerReference
	}
	Spec   struct{ ServiceAccountName string }
	Status struct {
		Phase      corev1.PodPhase
		Conditions []struct {
			Type   corev1.PodConditionType
			Status corev1.ConditionStatus
		}
	}
}

// Pods calls visit for the pods of a namespace, "" for all, that match a label selector, "" for all, in the
// API server's order: by namespace and name.
func (r *Reader) Pods(ctx context.Context, namespace, selector string, visit func(Pod) error) error {
	options := metav1.ListOptions{Limit: chunk, LabelSelector: selector}
	for done, of := 0, 0; ; {
		if r.Progress != nil {
			r.Progress("reading pods", done, of)
		}
		result := r.client.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").
			VersionedParams(&options, scheme.ParameterCodec).SetHeader("Accept", "application/json").Do(ctx)
		err := result.Error()
		if token := expired(err); token != "" {
			options.Continue = token
			continue
		}
		if err != nil {
			return err
		}
		text, err := result.Raw()
		if err != nil {
			return err
		}
		var list struct {
			Metadata struct {
				Continue           string
				RemainingItemCount int
			}
			Items []json.RawMessage
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("pods: %w", err)
		}
		for _, item := range list.Items {
			pod, err := ReadPod(item)
			if err != nil {
				return err
			}
			if err := visit(pod); err != nil {
				return err
			}
		}
		if options.Continue = list.Metadata.Continue; options.Continue == "" {
			return nil
		}
		done += len(list.Items)
		of = 0
		if list.Metadata.RemainingItemCount > 0 {
			of = done + list.Metadata.RemainingItemCount
		}
	}
}

// ReadPod decodes the header of a pod's JSON. The Pod keeps text.
func ReadPod(text []byte) (Pod, error) {
	var h podHeader
	if err := json.Unmarshal(text, &h); err != nil {
		return Pod{}, fmt.Errorf("pod: %w", err)
	}
	m, ready := h.Metadata, false
	for _, c := range h.Status.Conditions {
		ready = ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	}
	return Pod{
		JSON: text, Namespace: m.Namespace, Name: m.Name, UID: m.UID, Labels: m.Labels, Annotations: m.Annotations,
		Owner: podOwner(m.OwnerReferences, m.Labels), controller: controllerOf(m.OwnerReferences), Account: h.Spec.ServiceAccountName,
		Over:  m.DeletionTimestamp != nil || h.Status.Phase == corev1.PodSucceeded || h.Status.Phase == corev1.PodFailed,
		Phase: h.Status.Phase, Ready: ready,
	}, nil
}

func controllerOf(references []metav1.OwnerReference) metav1.OwnerReference {
	i := slices.IndexFunc(references, func(o metav1.OwnerReference) bool { return o.Controller != nil && *o.Controller })
	if i < 0 {
		return metav1.OwnerReference{}
	}
	return references[i]
}

// cronJobs returns the CronJob of each Job of a namespace, "" for all, that has one; the key is
// namespace/name of the Job. If the user may not read Jobs, it returns nil with a note.
func (r *Reader) cronJobs(ctx context.Context, namespace string) (map[string]Owner, error) {
	jobs := r.metadata.Resource(batchv1.SchemeGroupVersion.WithResource("jobs")).Namespace(namespace)
	all, err := chunks(ctx, jobs.List, headers)
	if err != nil {
		return nil, r.excuse("Jobs", "pods of CronJobs are counted by Job", err)
	}
	made := map[string]Owner{}
	for _, j := range all {
		if o := ownerOf(j.OwnerReferences, nil); o.Kind == "CronJob" {
			made[j.Namespace+"/"+j.Name] = o
		}
	}
	return made, nil
}
