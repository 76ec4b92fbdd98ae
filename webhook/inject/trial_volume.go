package inject

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// checkVolumes checks the injected volumes: one whose name is taken must be the same volume.
func (t *trial) checkVolumes() {
	t.plan.volumes = slices.Grow(t.plan.volumes, min(len(t.addition.Volumes), few))
	for i := range t.addition.Volumes {
		t.checkVolume(&t.addition.Volumes[i])
		if t.stopped(1, "its volumes") {
			return
		}
	}
}

func (t *trial) checkVolume(v *templates.Named) {
	if strings.HasPrefix(v.Name, schema.TokenVolume) {
		t.conflict(t.candidate.place(), fmt.Sprintf("volume name %s is kept for service-account tokens", message.Quote(v.Name)), "choose another name")
		return
	}
	place := func() string { return fmt.Sprintf("spec.volumes[%s]", v.Name) }
	if taken := t.pod().volume(v.Name); taken != nil {
		if t.equal(taken.raw, v.Raw, sameVolume) {
			t.note("volume %s: the pod has the same one, which is shared", v.Name)
		} else {
			t.conflict(place(), fmt.Sprintf("volume %s of the pod is another than the one that instance %s adds", message.Quote(v.Name), message.Quote(t.by())),
				"rename the pod's volume or choose another instance name")
		}
		return
	}
	if t.claims.job.claimVolume(v.Name) {
		t.conflict(place(), fmt.Sprintf("volume %s comes from a volumeClaimTemplate, and instance %s adds another of that name", message.Quote(v.Name), message.Quote(t.by())),
			"rename the claim template or choose another instance name")
		return
	}
	if other, taken := t.claims.volumes.find(v.Name); taken {
		if !t.equal(other.value.Raw, v.Raw, sameVolume) {
			whose := fmt.Sprintf("instances %s and %s add", message.Quote(other.by), message.Quote(t.by()))
			if other.by == t.by() {
				whose = fmt.Sprintf("instance %s adds", message.Quote(other.by))
			}
			t.conflict(place(), fmt.Sprintf("%s different volumes named %s", whose, message.Quote(v.Name)), t.nameFix(v.Name, other.by))
		}
		return
	}
	t.claims.volumes.add(v.Name, owned[*templates.Named]{by: t.by(), value: v})
	t.plan.volumes = append(t.plan.volumes, v)
	t.grow(len(v.Raw))
}

// claimVolume reports whether a StatefulSet's controller adds a volume of that name.
func (j *job) claimVolume(name string) bool {
	list := j.request.ClaimVolumes
	if len(list) <= short {
		return slices.Contains(list, name)
	}
	if j.claimVolumes == nil {
		j.claimVolumes = nameSet(list)
	}
	return j.claimVolumes[name]
}

// volumeExists reports whether a volume of that name is in the pod or will be.
func (t *trial) volumeExists(name string) bool {
	return t.claims.volumes.has(name) || t.pod().volume(name) != nil || t.claims.job.claimVolume(name)
}

// checkMountedVolumes reports mounts and variables that refer to volumes that do not exist. The API server
// would reject such a mount with a message about a field that the pod's author did not write, and a
// container with such a variable would never start.
func (t *trial) checkMountedVolumes() {
	var missing table[string, struct{}]
	look := func(name, use string) {
		if t.faults.more || t.volumeExists(name) || missing.has(name) {
			return
		}
		missing.add(name, struct{}{})
		reason, place, fix := BadParameter, t.candidate.place(), t.volumesFix(name)
		if g, ok := t.candidate.givenAs(v1alpha1.TypeName, name); ok {
			place = g.place(t.claims.job.request.Namespace.Name)
			fix = fmt.Sprintf("add a volume %s to the pod or drop the parameter; %s", Shorten(name, maxShown), fix)
		} else if override, ok := t.overrideNaming(name); ok {
			reason, place = BadOverride, override
			fix = fmt.Sprintf("add a volume %s to the pod, or drop it from the override; %s", Shorten(name, maxShown), fix)
		}
		t.faults.add(Fault{Reason: reason, Instance: t.by(), Place: place,
			Message: fmt.Sprintf("volume %s, %s, is not in the pod", message.Quote(name), use), Fix: fix})
	}
	mounts := func(mounts []templates.Named) {
		for i := range mounts {
			look(mounts[i].Name, "which it mounts")
		}
	}
	variable := func(variable program.Object) {
		if file := variable.Object("valueFrom").Object("fileKeyRef"); file != nil {
			look(file.Text("volumeName"), "from which it reads variable "+message.Quote(variable.Text("name")))
		}
	}
	for c := range containersOf(t.addition) {
		mounts(c.Mounts)
		mounts(c.Devices)
		for _, v := range program.Objects(c.Object().List("env")) {
			variable(v)
		}
	}
	for i := range t.addition.Kinds() {
		app := t.addition.For(i)
		mounts(app.Mounts)
		mounts(app.Devices)
		for k := range app.Env {
			variable(app.Env[k].Object())
		}
	}
}

// overrideNaming returns the place of the instance's override if it refers to a volume of that name.
func (t *trial) overrideNaming(volume string) (place string, ok bool) {
	overrides, _ := readOverride(t.candidate, t.claims.job.request.Namespace.Name)
	for _, o := range overrides {
		for _, field := range []string{"volumeMounts", "volumeDevices", "env"} {
			for _, refers := range program.Objects(o.patch.List(field)) {
				if refers.Text("name") == volume && field != "env" || refers.Object("valueFrom").Object("fileKeyRef").Text("volumeName") == volume {
					return o.place, true
				}
			}
		}
	}
	return "", false
}

// volumesFix returns the fix for a missing volume: a similar name and the pod's volumes.
func (t *trial) volumesFix(name string) string {
	names := t.claims.job.podVolumes()
	if len(names) == 0 {
		return "the pod has no volumes"
	}
	fix := "the pod has " + listed(names)
	if near := nearest(name, names); near != "" {
		fix = fmt.Sprintf("did you mean %s? %s", near, fix)
	}
	return fix
}

// podVolumes returns the names of the volumes that the pod's author knows of.
func (j *job) podVolumes() []string {
	if j.volumes == nil {
		j.volumes = slices.Clone(j.request.ClaimVolumes)
		for i := range j.pod.spec.Volumes {
			if v := &j.pod.spec.Volumes[i]; !strings.HasPrefix(v.Name, schema.TokenVolume) { // added by the API server, and absent offline
				j.volumes = append(j.volumes, v.Name)
			}
		}
	}
	return j.volumes
}
