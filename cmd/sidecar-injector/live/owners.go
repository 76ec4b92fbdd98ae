package live

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// groupOf returns the API group of a kind of Kubernetes itself that creates pods, directly or not.
func groupOf(kind string) (group string, known bool) {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return "apps", true
	case "Job", "CronJob":
		return "batch", true
	case "ReplicationController":
		return "", true
	}
	return "", false
}

// ownerOf returns the controller or, for a ReplicaSet whose name ends in the pod template's hash, its
// Deployment. A kind that only has the name of one of Kubernetes itself is qualified by its group.
func ownerOf(references []metav1.OwnerReference, labels map[string]string) Owner {
	o := controllerOf(references)
	own, known := groupOf(o.Kind)
	if group := groupIn(o.APIVersion); known && group != own {
		return Owner{o.Kind + "." + cmp.Or(group, "core"), o.Name}
	}
	if hash := labels["pod-template-hash"]; o.Kind == "ReplicaSet" && hash != "" {
		if name, found := strings.CutSuffix(o.Name, "-"+hash); found {
			return Owner{"Deployment", name}
		}
	}
	return Owner{o.Kind, o.Name}
}

// podOwner returns the owner of a pod. A Deployment's pods have a ReplicaSet in between, and a CronJob's a
// Job: a pod that names one as its controller was made by somebody else.
func podOwner(references []metav1.OwnerReference, labels map[string]string) Owner {
	if o := controllerOf(references); o.Kind == "Deployment" || o.Kind == "CronJob" {
		if own, _ := groupOf(o.Kind); own == groupIn(o.APIVersion) {
			return Owner{}
		}
	}
	return ownerOf(references, labels)
}

func groupIn(apiVersion string) string { return schema.FromAPIVersionAndKind(apiVersion, "").Group }

// header is the part of an owner that proves what belongs to it.
type header struct {
	uid        types.UID
	controller metav1.OwnerReference
}

// owners reads owners of pods, each once.
type owners struct {
	reader *Reader
	known  map[string]*header // by resource, namespace and name; nil for one that does not exist
}

func newOwners(r *Reader) *owners { return &owners{r, map[string]*header{}} }

// of returns the owner of a pod, like Pod.Owner, but according to the objects that references name. If the
// controller has another UID than the one that the pod names, the pod has no owner. If a ReplicaSet has no
// Deployment, it is the owner. What may not be read is not verified, nor are Jobs, because their pods are never
// changed.
func (o *owners) of(ctx context.Context, pod *Pod) (Owner, error) {
	c := pod.controller
	if own, known := groupOf(c.Kind); !known || own != groupIn(c.APIVersion) || c.Kind == "Job" || pod.Owner == (Owner{}) {
		return pod.Owner, nil
	}
	h, err := o.read(ctx, pod.Namespace, Owner{c.Kind, c.Name})
	switch {
	case Denied(err):
		return pod.Owner, nil
	case err != nil:
		return Owner{}, err
	case h == nil:
		return Owner{c.Kind, c.Name}, nil // the rollout reports that it has gone
	case h.uid != c.UID:
		return Owner{}, nil
	case c.Kind == "ReplicaSet":
		return o.ofReplicaSet(ctx, pod, h)
	}
	return Owner{c.Kind, c.Name}, nil
}

func (o *owners) ofReplicaSet(ctx context.Context, pod *Pod, set *header) (Owner, error) {
	itself, d := Owner{"ReplicaSet", pod.controller.Name}, set.controller
	if d.Kind != "Deployment" || groupIn(d.APIVersion) != "apps" {
		return itself, nil
	}
	h, err := o.read(ctx, pod.Namespace, Owner{d.Kind, d.Name})
	switch {
	case Denied(err):
		return Owner{d.Kind, d.Name}, nil
	case err != nil:
		return Owner{}, err
	case h != nil && h.uid != d.UID:
		return itself, nil
	}
	return Owner{d.Kind, d.Name}, nil
}

// read returns the header of an owner; nil if it does not exist.
func (o *owners) read(ctx context.Context, namespace string, owner Owner) (*header, error) {
	group, _ := groupOf(owner.Kind)
	resource := schema.GroupVersionResource{Group: group, Version: "v1", Resource: strings.ToLower(owner.Kind) + "s"}
	key := resource.Resource + "/" + namespace + "/" + owner.Name
	if h, known := o.known[key]; known {
		return h, nil
	}
	object, err := o.reader.metadata.Resource(resource).Namespace(namespace).Get(ctx, owner.Name, metav1.GetOptions{})
	if absent(err) {
		o.known[key] = nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", owner, namespace, err)
	}
	h := &header{object.UID, controllerOf(object.OwnerReferences)}
	o.known[key] = h
	return h, nil
}
