package inject

import (
	"fmt"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// sidecarUser is a container of ours that works with files or processes of the app, and as whom.
type sidecarUser struct {
	container string
	user      int64
	// reads says that it only reads what the app writes.
	reads bool
	// told says that a container of the app's was told of whose user nobody knows; one is enough.
	told bool
}

// checkUsers warns when a sidecar works with what may be the app's alone: files of an
// app that runs as root, or its processes; or what an app writes of which nobody says as
// whom it runs, for then its image does, and that may be root.
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
		t.warn("%s", text)
	}
}

// beside says what follows from the users of a sidecar and of a container of the app's, nil
// being the one of its image.
func (u sidecarUser) beside(place string, app *int64) string {
	if app == nil {
		return fmt.Sprintf("container %s runs as user %d and %s as whom its image says: if that is another, what the app keeps to itself (umask 077) cannot be read. State runAsUser for the app",
			u.container, u.user, place)
	}
	return fmt.Sprintf("container %s runs as user %d and %s as root: what only root may read or signal is out of its reach", u.container, u.user, place)
}

// userOf is the user that a container states, or else its pod; nil if neither does.
func userOf(container, pod *securityContextView) *int64 {
	for _, s := range []*securityContextView{container, pod} {
		if s != nil && s.RunAsUser != nil {
			return s.RunAsUser
		}
	}
	return nil
}

// usersOf are the containers that share something with the app and are not root's; never nil.
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
			readOnly, _ := m.Object().Get("readOnly")
			shared, u.reads = true, u.reads || readOnly == true
		}
		if shared {
			users = append(users, u)
		}
	}
	return users
}

// apart says the same of a sidecar that is in the pod already: which of its containers only
// read what a container of the app writes as root, or as nobody knows whom.
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
			if u, read := readers[m.Name]; read && !m.ReadOnly && u.container != c.Name {
				told = append(told, u.beside("spec.containers["+c.Name+"]", app))
				break
			}
		}
	}
	return told
}

// maxApart is how many containers of one pod are told.
const maxApart = 5
