package inject

import (
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// workload returns the kind and name of the workload that the pod belongs to, for expressions. It is the
// same for a pod in the cluster and for the pod template that it was created from.
func (j *job) workload() (kind, name string) {
	if j.written == nil {
		owner, _ := writtenOwner(j.request, j.pod)
		j.written = &owner
	}
	return j.written.Kind, j.written.Name
}

// Workload returns the kind and name of the workload that the pod belongs to, as expressions read them. The error
// is that of Inject for a pod that cannot be read.
func (req *Request) Workload() (kind, name string, err error) {
	read := req.Read
	if read == nil {
		if read, err = parsePod(req.Pod); err != nil {
			return "", "", err
		}
	}
	owner, _ := writtenOwner(req, &podView{Pod: read})
	return owner.Kind, owner.Name, nil
}

// writtenOwner returns the object that a user wrote, and whether that is the pod itself.
func writtenOwner(req *Request, p *podView) (owner Owner, itself bool) {
	owner = req.Owner
	if owner.Kind == "" {
		var controlled bool
		if owner, controlled = p.Controller(); !controlled {
			return Owner{Kind: "Pod", Name: p.Name()}, true
		}
	}
	return owner.written(p.metadata.Labels), false
}

// whose returns the workload by which canaries are selected for the pod. For a pod without a controller
// that has a generateName, that is used as its name, because the API server has not generated the name yet.
func whose(set *templates.Set, req *Request, p *podView) templates.Workload {
	w := templates.Workload{Namespace: req.Namespace.Name, NamespaceLabels: req.Namespace.Labels, Only: req.Canary}
	if !set.HasCanaries() {
		return w
	}
	owner, itself := writtenOwner(req, p)
	w.Kind, w.Name = owner.Kind, owner.Name
	if base := p.GenerateName(); itself && base != "" {
		w.Name = base
	}
	return w
}

// OwnerOf returns the owner of the pods of an object, which is the zero value for a Pod, since it has no
// pod template.
func OwnerOf(apiVersion, kind, name string) Owner {
	if kind == "Pod" {
		return Owner{}
	}
	return Owner{APIVersion: apiVersion, Kind: kind, Name: name}
}

// podTemplateHash is the label that distinguishes the pods of a Deployment's ReplicaSets.
const podTemplateHash = "pod-template-hash"

// written returns the object that a user wrote, inferred from names: a Deployment's ReplicaSet is named
// after the Deployment and the hash in the pods' label, a CronJob's Job after the CronJob and the scheduled
// minute.
func (o Owner) written(labels map[string]string) Owner {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	switch {
	case o.Kind == "ReplicaSet" && group == "apps":
		if name, ok := cutEnd(o.Name, labels[podTemplateHash]); ok {
			return Owner{APIVersion: o.APIVersion, Kind: "Deployment", Name: name}
		}
	case o.Kind == "Job" && group == "batch":
		if at := strings.LastIndexByte(o.Name, '-'); at > 0 && isMinute(o.Name[at+1:]) {
			return Owner{APIVersion: o.APIVersion, Kind: "CronJob", Name: o.Name[:at]}
		}
	}
	return o
}

// cutEnd removes "-" and end from the end of a name.
func cutEnd(name, end string) (string, bool) {
	if end == "" {
		return "", false
	}
	rest, ok := strings.CutSuffix(name, "-"+end)
	return rest, ok && rest != ""
}

// earliestMinute is in mid-2019, in minutes since 1970. A smaller number is a date as people write it, such
// as 20240131.
const earliestMinute = 26_000_000

func isMinute(text string) bool {
	const digits = 8 // enough until the year 2160
	if len(text) != digits || strings.Trim(text, "0123456789") != "" {
		return false
	}
	minute, err := strconv.Atoi(text)
	return err == nil && minute >= earliestMinute
}
