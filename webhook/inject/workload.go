package inject

import (
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// workload is what a person wrote that the pod comes from: expressions read it. The answer is the
// same for a pod of the cluster and for the template that it was made of.
func (j *job) workload() (kind, name string) {
	if j.written == nil {
		owner, _ := writtenOwner(j.request, j.pod)
		j.written = &owner
	}
	return j.written.Kind, j.written.Name
}

// writtenOwner is the object that a person wrote, and whether that is the pod itself.
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

// whose is the workload by which canaries count for the pod. A pod that nobody's controller made goes by
// the name that it is made up from, if it is: the API server has not made it up yet.
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

// OwnerOf is the owner of the pods of an object: of a Pod none, for it has no template of others.
func OwnerOf(apiVersion, kind, name string) Owner {
	if kind == "Pod" {
		return Owner{}
	}
	return Owner{APIVersion: apiVersion, Kind: kind, Name: name}
}

// podTemplateHash is the label by which a Deployment tells the pods of its ReplicaSets apart.
const podTemplateHash = "pod-template-hash"

// written is the object that a person wrote, as far as the names tell: a Deployment's ReplicaSets are named
// after it and the hash in the pod's labels, a CronJob's Jobs after it and the minute.
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

// cutEnd takes an end and the hyphen before it off a name.
func cutEnd(name, end string) (string, bool) {
	if end == "" {
		return "", false
	}
	rest, ok := strings.CutSuffix(name, "-"+end)
	return rest, ok && rest != ""
}

// earliestMinute is that of mid-2019, counted from 1970: what is smaller is a date as people write it,
// such as 20240131.
const earliestMinute = 26_000_000

func isMinute(text string) bool {
	const digits = 8 // until the year 2160
	if len(text) != digits || strings.Trim(text, "0123456789") != "" {
		return false
	}
	minute, err := strconv.Atoi(text)
	return err == nil && minute >= earliestMinute
}
