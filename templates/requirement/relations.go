package requirement

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"k8s.io/apimachinery/pkg/util/validation"
)

// container checks a container: the image, and rules of probes and mounts that depend on the field that holds
// them.
func container(c *checker, o object) {
	if image := o.Text("image"); strings.TrimSpace(image) != image {
		c.bad(o.at.Member("image"), "drop the blanks around it", "%s is no image", message.Quote(image))
	}
	for _, field := range []string{"livenessProbe", "startupProbe"} {
		probe := o.under(field)
		if n, ok := probe.Get("successThreshold"); ok && n != int64(0) && n != int64(1) {
			c.bad(probe.at.Member("successThreshold"), "write 1", "%v is too many successes for a %s", n, field)
		}
	}
	readiness := o.under("readinessProbe")
	if _, ok := readiness.Get("terminationGracePeriodSeconds"); ok {
		c.bad(readiness.at.Member("terminationGracePeriodSeconds"), "drop it", "a readinessProbe ends nothing, so that it has no grace period")
	}
	mounted := map[string]bool{}
	for _, m := range program.Objects(o.List("volumeMounts")) {
		mounted[m.Text("name")] = true
	}
	for i, d := range program.Objects(o.List("volumeDevices")) {
		if d.Text("name") != "" && mounted[d.Text("name")] {
			c.bad(o.at.Member("volumeDevices").Item(i).Member("name"), "keep one of them", "volume %s is mounted and a device", message.Quote(d.Text("name")))
		}
	}
	privileged := o.Object.Object("securityContext").True("privileged")
	mounts := o.at.Member("volumeMounts")
	for i, m := range program.Objects(o.List("volumeMounts")) {
		if m.Text("mountPropagation") == "Bidirectional" && !privileged {
			c.bad(mounts.Item(i).Member("mountPropagation"), "write HostToContainer or None", "only a privileged container may mount for others")
		}
	}
}

// source checks the source of an environment variable: unlike a file, it can hold one label only, not all.
func source(c *checker, o object) {
	if field := o.under("fieldRef"); field.Text("fieldPath") == "metadata.labels" || field.Text("fieldPath") == "metadata.annotations" {
		c.bad(field.at.Member("fieldPath"), "name one, as in "+field.Text("fieldPath")+"['KEY']", "a variable cannot hold all of them")
	}
}

func mount(c *checker, o object) {
	if o.Text("recursiveReadOnly") != "Enabled" && o.Text("recursiveReadOnly") != "IfPossible" {
		return
	}
	if !o.True("readOnly") {
		c.bad(o.at.Member("recursiveReadOnly"), "set readOnly: true", "a mount is read-only to its depth only if it is read-only")
	}
	if p := o.Text("mountPropagation"); p != "" && p != "None" {
		c.bad(o.at.Member("recursiveReadOnly"), "drop mountPropagation", "a mount that is read-only to its depth passes on no mounts")
	}
}

func securityContext(c *checker, o object) {
	if escalation, ok := o.Get("allowPrivilegeEscalation"); !ok || escalation != false {
		return
	}
	at := o.at.Member("allowPrivilegeEscalation")
	if o.True("privileged") {
		c.bad(at, "drop privileged", "it cannot be false of a privileged container")
	}
	if slices.Contains(o.Object.Object("capabilities").List("add"), any("CAP_SYS_ADMIN")) {
		c.bad(at, "drop the capability", "it cannot be false of a container with CAP_SYS_ADMIN")
	}
}

// profile checks a seccomp or AppArmor profile: localhostProfile is set if and only if the type is Localhost.
func profile(c *checker, o object) {
	switch file := o.Text("localhostProfile"); {
	case o.Text("type") == "Localhost" && file == "":
		c.missing(o.at, "localhostProfile is missing")
	case o.Text("type") != "Localhost" && file != "":
		c.bad(o.at.Member("localhostProfile"), "drop it, or write type: Localhost", "a profile of type %s has no file", message.Quote(o.Text("type")))
	case strings.TrimSpace(file) != file:
		c.bad(o.at.Member("localhostProfile"), "drop the blanks around it", "%s is no file", message.Quote(file))
	}
}

// relative checks a relative path: not absolute, and without "..".
func relative(text string) []string {
	if path.IsAbs(text) {
		return []string{"write a path that does not begin with /"}
	}
	return descending(text)
}

// signal checks the name of a signal that ends a container.
func signal(text string) []string {
	known := strings.Fields("SIGABRT SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGSEGV SIGSTKFLT " +
		"SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ SIGRTMIN SIGRTMAX")
	if slices.Contains(known, text) || realTime.MatchString(text) {
		return nil
	}
	return []string{message.DidYouMean(text, known, "write the name of a signal such as SIGINT")}
}

var realTime = regexp.MustCompile(`^(SIGRTMIN\+([1-9]|1[0-5])|SIGRTMAX-([1-9]|1[0-4]))$`)

// fieldPath checks the path of a pod's field that an environment variable or file can hold.
func fieldPath(text string) []string {
	known := []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations", "spec.nodeName", "spec.serviceAccountName", "spec.host",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
	}
	if field, key, ok := strings.Cut(text, "['"); ok && (field == "metadata.labels" || field == "metadata.annotations") && strings.HasSuffix(key, "']") {
		if field == "metadata.annotations" {
			key = strings.ToLower(key)
		}
		return validation.IsQualifiedName(strings.TrimSuffix(key, "']"))
	}
	if slices.Contains(known, text) {
		return nil
	}
	return []string{message.DidYouMean(text, known, "known are "+strings.Join(known, ", ")+", and metadata.labels['KEY'], metadata.annotations['KEY']")}
}
