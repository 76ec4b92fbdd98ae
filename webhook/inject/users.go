package inject

import (
	"slices"
	"strconv"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// sidecarUser is an injected container that shares files or processes with the app, and the user that it
// runs as.
type sidecarUser struct {
	container string
	user      int64
	// reads is set if it mounts a shared volume read-only.
	reads bool
	// told is set once a warning was given for an app container whose user is unknown; one is enough.
	told bool
}

// checkUsers warns if a sidecar that does not run as root shares files or processes with an app container
// that runs as root, because it may have no access to them. If neither the container nor the pod states a
// user, the image decides, which may be root: then only sidecars that read the app's files are warned
// about, once each.
func (t *trial) checkUsers(target target) {
	app := userOf(target.view.SecurityContext, t.pod().spec.SecurityContext)
	if app != nil && *app != 0 {
		return
	}
	if t.users == nil {
		t.users = usersOf(t.addition)
	}
	for i := range t.users {
		u := &t.users[i]
		if t.stopped(1, "its containers' users") {
			return
		}
		if app == nil && (!u.reads || u.told) || t.warnings.over() {
			continue
		}
		u.told = u.told || app == nil
		text := u.beside(target.place(), app)
		t.candidate.instance.Apart = append(t.candidate.instance.Apart, text)
		t.warnings.keep(text)
	}
}

// beside returns the warning about the users of a sidecar and of an app container; app is nil if the image
// decides.
func (u sidecarUser) beside(place string, app *int64) string {
	as := " as root: what only root may read or signal is out of its reach"
	if app == nil {
		as = " as whom its image says: if that is another, what the app keeps to itself (umask 077) cannot be read. State runAsUser for the app"
	}
	return "container " + u.container + " runs as user " + strconv.FormatInt(u.user, 10) + " and " + place + as
}

// userOf returns the user that a container states, or else its pod; nil if neither does.
func userOf(container, pod *securityContextView) *int64 {
	for _, s := range []*securityContextView{container, pod} {
		if s != nil && s.RunAsUser != nil {
			return s.RunAsUser
		}
	}
	return nil
}

// usersOf returns the containers that share something with the app and state a user other than root; never
// nil.
func usersOf(a *templates.Parts) []sidecarUser {
	users := []sidecarUser{}
	shares := a.ShareProcessNamespace != nil && *a.ShareProcessNamespace
	var common table[string, struct{}]
	for i := range a.Kinds() {
		app := a.For(i)
		for i := range app.Mounts {
			common.add(app.Mounts[i].Name, struct{}{})
		}
	}
	for c := range containersOf(a) {
		id, _ := c.Object().Object("securityContext").Get("runAsUser")
		own, _ := id.(int64)
		if own == 0 {
			continue
		}
		u := sidecarUser{container: c.Name, user: own}
		shared := shares
		for _, m := range c.Mounts {
			if !common.has(m.Name) {
				continue
			}
			shared, u.reads = true, u.reads || m.Object().True("readOnly")
		}
		if shared {
			users = append(users, u)
		}
	}
	return users
}

// apart returns the same warnings for a sidecar that is already in the pod: about containers of it that
// read a volume which an app container writes as root or as an unknown user.
func (p *podView) apart(entry StatusEntry) []string {
	readers := map[string]sidecarUser{} // by volume
	ours := slices.Concat(entry.Sidecars, entry.Containers)
	for _, name := range ours {
		c, _, _ := p.container(name)
		if c == nil {
			continue
		}
		user := userOf(c.SecurityContext, nil)
		for _, m := range c.Mounts {
			if _, taken := readers[m.Name]; m.ReadOnly && !taken && user != nil && *user != 0 {
				readers[m.Name] = sidecarUser{container: name, user: *user, reads: true}
			}
		}
	}
	if len(readers) == 0 {
		return nil
	}
	var told []string
	for i := range p.spec.Containers {
		c := &p.spec.Containers[i]
		app := userOf(c.SecurityContext, p.spec.SecurityContext)
		if app != nil && *app != 0 || len(told) == maxApart {
			continue
		}
		for _, m := range c.Mounts {
			if u, read := readers[m.Name]; read && !m.ReadOnly && u.container != c.Name && !p.readOnlyVolume(m.Name) {
				told = append(told, u.beside("spec.containers["+c.Name+"]", app))
				break
			}
		}
	}
	return told
}

// readOnlyVolume reports whether a volume of the pod cannot be written to, because of its type.
func (p *podView) readOnlyVolume(name string) bool {
	v := p.volume(name)
	return v != nil && v.readOnly
}

// maxApart is the largest number of app containers that apart warns about.
const maxApart = 5
