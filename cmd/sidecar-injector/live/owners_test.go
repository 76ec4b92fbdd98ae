package live

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
)

// controlled returns an object with a UID and a controller.
func controlled(o *metav1.PartialObjectMetadata, uid types.UID, by *metav1.OwnerReference) *metav1.PartialObjectMetadata {
	o.UID = uid
	if by != nil {
		o.OwnerReferences = []metav1.OwnerReference{*by}
	}
	return o
}

func reference(apiVersion, kind, name string, uid types.UID) *metav1.OwnerReference {
	yes := true
	return &metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: uid, Controller: &yes}
}

// TestAPodBelongsToWhoeverWouldReplaceIt: a pod's owner reference is what its author wrote.
func TestAPodBelongsToWhoeverWouldReplaceIt(t *testing.T) {
	const apps = "apps/v1"
	r := readerOf(t,
		controlled(object(apps, "Deployment", "shop", "web"), "d1", nil),
		controlled(object(apps, "ReplicaSet", "shop", "web-5d4"), "r1", reference(apps, "Deployment", "web", "d1")),
		controlled(object(apps, "ReplicaSet", "shop", "orphan-5d4"), "r2", nil),
		controlled(object(apps, "ReplicaSet", "shop", "going-5d4"), "r3", reference(apps, "Deployment", "going", "d2")),
		controlled(object(apps, "ReplicaSet", "shop", "liar-5d4"), "r4", reference(apps, "Deployment", "web", "d0")),
		controlled(object(apps, "ReplicaSet", "shop", "canary-5d4"), "r5", reference("argoproj.io/v1alpha1", "Rollout", "canary", "x")),
		controlled(object(apps, "StatefulSet", "shop", "db"), "s1", nil),
		controlled(object("v1", "ReplicationController", "shop", "old"), "c1", nil),
	)
	for name, test := range map[string]struct {
		by             *metav1.OwnerReference
		told, verified string
	}{
		"nobody":                                                 {nil, "pod/p", "pod/p"},
		"a ReplicaSet of a Deployment":                           {reference(apps, "ReplicaSet", "web-5d4", "r1"), "deployment/web", "deployment/web"},
		"a made-up ReplicaSet":                                   {reference(apps, "ReplicaSet", "web-5d4", "made-up"), "deployment/web", "pod/p"},
		"a ReplicaSet that has gone":                             {reference(apps, "ReplicaSet", "gone-5d4", "r9"), "deployment/gone", "replicaset/gone-5d4"},
		"a ReplicaSet whose Deployment left it":                  {reference(apps, "ReplicaSet", "orphan-5d4", "r2"), "deployment/orphan", "replicaset/orphan-5d4"},
		"a ReplicaSet whose Deployment has gone, and it follows": {reference(apps, "ReplicaSet", "going-5d4", "r3"), "deployment/going", "deployment/going"},
		"a ReplicaSet that made up its Deployment":               {reference(apps, "ReplicaSet", "liar-5d4", "r4"), "deployment/liar", "replicaset/liar-5d4"},
		"a ReplicaSet of something else":                         {reference(apps, "ReplicaSet", "canary-5d4", "r5"), "deployment/canary", "replicaset/canary-5d4"},
		"a Deployment, which makes no pods itself":               {reference(apps, "Deployment", "web", "d1"), "pod/p", "pod/p"},
		"a CronJob, which makes no pods itself":                  {reference("batch/v1", "CronJob", "nightly", "j1"), "pod/p", "pod/p"},
		"a StatefulSet":                                          {reference(apps, "StatefulSet", "db", "s1"), "statefulset/db", "statefulset/db"},
		"a StatefulSet of another version":                       {reference("apps/v1beta2", "StatefulSet", "db", "s1"), "statefulset/db", "statefulset/db"},
		"a made-up StatefulSet":                                  {reference(apps, "StatefulSet", "db", "s9"), "statefulset/db", "pod/p"},
		"a StatefulSet of another group":                         {reference("apps.kruise.io/v1beta1", "StatefulSet", "db", "s1"), "statefulset.apps.kruise.io/db", "statefulset.apps.kruise.io/db"},
		"a ReplicaSet of another group":                          {reference("example.com/v1", "ReplicaSet", "web-5d4", "r1"), "replicaset.example.com/web-5d4", "replicaset.example.com/web-5d4"},
		"a Deployment of another group":                          {reference("example.com/v1", "Deployment", "web", "d1"), "deployment.example.com/web", "deployment.example.com/web"},
		"a Deployment without a group":                           {reference("v1", "Deployment", "web", "d1"), "deployment.core/web", "deployment.core/web"},
		"a ReplicationController":                                {reference("v1", "ReplicationController", "old", "c1"), "replicationcontroller/old", "replicationcontroller/old"},
		"a made-up ReplicationController":                        {reference("v1", "ReplicationController", "old", "c2"), "replicationcontroller/old", "pod/p"},
		"a Job":                                                  {reference("batch/v1", "Job", "once", "j2"), "job/once", "job/once"},
		"an unknown kind":                                        {reference("apps.kruise.io/v1", "CloneSet", "c", "k1"), "cloneset/c", "cloneset/c"},
	} {
		t.Run(name, func(t *testing.T) {
			owner := ""
			if test.by != nil {
				owner = fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"name":%q,"uid":%q,"controller":true}`, test.by.APIVersion, test.by.Kind, test.by.Name, test.by.UID)
			}
			pod, err := ReadPod(fmt.Appendf(nil, `{"metadata":{"name":"p","namespace":"shop","labels":{"pod-template-hash":"5d4"},"ownerReferences":[%s]}}`, owner))
			if err != nil {
				t.Fatal(err)
			}
			if w := workloadOf(&pod, nil); w != (fleet.Workload{Namespace: "shop", Kind: w.Kind, Name: w.Name}) || w.String() != test.told {
				t.Errorf("by its own word it belongs to %s, want %s", w, test.told)
			}
			if pod.Owner, err = newOwners(r).of(t.Context(), &pod); err != nil {
				t.Fatal(err)
			}
			if w := workloadOf(&pod, nil); w.String() != test.verified {
				t.Errorf("it belongs to %s, want %s", w, test.verified)
			}
		})
	}
}
