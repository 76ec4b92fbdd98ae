package inject

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// checkPod plans labels, annotations and the fields that a pod has once. The pod's own value wins; two
// instances must agree.
func (t *trial) checkPod() {
	p, a := t.pod(), t.addition
	t.plan.labels = t.checkMap("labels", p.metadata.Labels, a.Labels)
	t.plan.annotations = t.checkMap("annotations", p.metadata.Annotations, a.Annotations)
	t.checkProcessNamespace()
	if a.DNSConfig.Raw != nil {
		if p.spec.DNSConfig != nil {
			t.note("spec.dnsConfig: the pod's own value wins")
		} else if t.claimScalar("spec.dnsConfig", "", a.DNSConfig.Raw, at("spec.dnsConfig")) {
			t.plan.dnsConfig = &a.DNSConfig
		}
	}
	if a.GracePeriod != nil {
		t.plan.gracePeriod = *a.GracePeriod
	}
	t.plan.pullSecrets = t.union("spec.imagePullSecrets", p.spec.ImagePullSecrets, a.ImagePullSecrets)
	t.plan.hostAliases = t.union("spec.hostAliases", p.spec.HostAliases, a.HostAliases)
	t.plan.tolerations = t.union("spec.tolerations", p.spec.Tolerations, a.Tolerations)
	t.checkGroups()
	if len(t.plan.pullSecrets) > 0 && len(p.spec.ImagePullSecrets) == 0 && t.claims.job.request.Offline {
		t.warn("the pod gets its first imagePullSecrets entry, so Kubernetes will no longer add those of its service account")
	}
}

// at returns a function that returns a constant place.
func at(place string) func() string { return func() string { return place } }

func (t *trial) checkMap(field string, own map[string]string, added program.Object) program.Object {
	var fresh program.Object
	for _, m := range added {
		if t.stopped(1, field) {
			break
		}
		place := func() string { return fmt.Sprintf("metadata.%s[%q]", field, m.Name) }
		value, _ := m.Value.(string)
		if taken, ok := own[m.Name]; ok {
			switch {
			case taken == value:
			case strings.HasPrefix(m.Name, Domain+"/"):
				t.conflict(place(), "the annotation is the injector's own, and the pod has it with another value", "remove it from the pod")
			default:
				t.note("%s: the pod's own value wins", place())
			}
			continue
		}
		if t.claimScalar(field, m.Name, program.AppendJSON(nil, value), place) {
			fresh = append(fresh, m)
		}
	}
	return fresh
}

func (t *trial) checkProcessNamespace() {
	p, share := t.pod(), t.addition.ShareProcessNamespace
	if share == nil {
		return
	}
	const place = "spec.shareProcessNamespace"
	switch {
	case *share && p.spec.HostPID:
		t.conflict(place, fmt.Sprintf("instance %s shares the pod's processes, and the pod has hostPID: Kubernetes allows only one of them", message.Quote(t.by())),
			"remove hostPID, or leave the sidecar out")
	case p.spec.ShareProcessNamespace != nil:
		if *p.spec.ShareProcessNamespace != *share {
			t.warn("%s: the pod's own value %v wins over %v, which the sidecar wants", place, *p.spec.ShareProcessNamespace, *share)
		}
	case t.claimScalar(place, "", strconv.AppendBool(nil, *share), at(place)):
		t.plan.shareProcessNamespace = share
	}
}

// union keeps the items that neither the pod nor an accepted instance has.
func (t *trial) union(field string, own []rawValue, added []templates.JSON) []*templates.JSON {
	var fresh []*templates.JSON
	for i := range added {
		item := &added[i]
		if t.stopped(1, field) {
			break
		}
		if len(own) > 0 && t.pod().hasItem(field, own, canonicalJSON(item.Raw)) {
			continue
		}
		// An item is claimed under its own text, so that it can only agree.
		if t.claimScalar(field, string(item.Raw), item.Raw, at(field)) {
			fresh = append(fresh, item)
		}
	}
	return fresh
}

func (t *trial) checkGroups() {
	p, a := t.pod(), t.addition
	var own names
	if s := p.spec.SecurityContext; s != nil && len(a.SupplementalGroups) > 0 {
		own = make(names, len(s.SupplementalGroups))
		for _, g := range s.SupplementalGroups {
			own[strconv.FormatInt(g, 10)] = true
		}
	}
	for _, g := range a.SupplementalGroups {
		if t.stopped(1, "its supplementalGroups") {
			return
		}
		const field = "spec.securityContext.supplementalGroups"
		text := strconv.FormatInt(g, 10)
		if !own[text] && t.claimScalar(field, text, []byte(text), at(field)) {
			t.plan.groups = append(t.plan.groups, g)
		}
	}
	const place = "spec.securityContext.fsGroup"
	switch {
	case a.FSGroup == nil:
	case p.spec.SecurityContext != nil && p.spec.SecurityContext.FSGroup != nil:
		t.note("%s: the pod's own value wins", place)
	case t.claims.hasClaim():
		t.note("%s is not set, because the pod has a volume claim, whose files would all change owner", place)
	case t.claimScalar(place, "", strconv.AppendInt(nil, *a.FSGroup, 10), at(place)):
		t.plan.fsGroup = a.FSGroup
	}
}

// hasClaim reports whether the pod, or an instance to be added, has a volume of the type
// persistentVolumeClaim or ephemeral. An instance that is left out later counts as well.
func (s *claims) hasClaim() bool {
	if s.claim == nil {
		found := len(s.job.request.ClaimVolumes) > 0 || slices.ContainsFunc(s.job.pod.spec.Volumes, func(v volumeView) bool { return v.claim }) ||
			slices.ContainsFunc(s.fit, func(c *candidate) bool {
				return slices.ContainsFunc(c.addition.Volumes, func(v templates.Named) bool { return is(&v, isClaim) })
			})
		s.claim = &found
	}
	return *s.claim
}
