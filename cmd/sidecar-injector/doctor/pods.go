package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// total returns the sum of pick over all workloads, and the workloads for which it is positive.
func total(f *Facts, pick func(*Workload) int) (pods int, workloads []*Workload) {
	for _, w := range f.Fleet.Value {
		if n := pick(w); n > 0 {
			pods += n
			workloads = append(workloads, w)
		}
	}
	return pods, workloads
}

func podsMissed(f *Facts) []Finding {
	if f.Fleet.Err != nil {
		return unseen("pods", "list pods", f.Fleet.Err)
	}
	var found []Finding
	if n, in := total(f, func(w *Workload) int { return w.Missed }); n > 0 {
		found = append(found, warning(fmt.Sprintf("%s: %s", count(n, "pod lacks a sidecar that it asks for", "pods lack a sidecar that they ask for"), workloadNames(in)),
			number(n, "it was", "they were")+" created while the injector could not answer (and failurePolicy Ignore let them pass), or before namespace, annotation or template were there",
			restartCommand(in[0])))
	}
	if n, in := total(f, func(w *Workload) int { return w.Refused }); n > 0 {
		found = append(found, warning(fmt.Sprintf("%s would be refused if created now: %s", count(n, "running pod", "running pods"), workloadNames(in)),
			number(n, "it asks for what cannot be given; the next rollout, eviction or node failure stops it", "they ask for what cannot be given; the next rollout, eviction or node failure stops them"), explainCommand(in[0])))
	}
	if len(found) == 0 {
		return ok("no running pod lacks a sidecar that it asks for")
	}
	return found
}

func podsOutdated(f *Facts) []Finding {
	if f.Fleet.Err != nil {
		return nil
	}
	if n, in := total(f, func(w *Workload) int { return w.Outdated }); n > 0 {
		return []Finding{warning(fmt.Sprintf("%s a sidecar of an older revision: %s", count(n, "pod has", "pods have"), workloadNames(in)),
			"a pod keeps what it was created with; sidecar-injector status shows which revision", restartCommand(in[0]))}
	}
	n, _ := total(f, func(w *Workload) int { return w.Current })
	return ok("%s the sidecars of today's templates", count(n, "pod has", "pods have"))
}

func workloadNames(workloads []*Workload) string {
	var list []string
	for _, w := range workloads {
		list = append(list, fmt.Sprintf("%s/%s in %s", strings.ToLower(terminal.Shown(w.Kind)), terminal.Shown(w.Name), w.Namespace))
	}
	return names(list)
}

// restartCommand returns the command that recreates the pods of a workload, or the explain command for
// other kinds.
func restartCommand(w *Workload) string {
	if terminal.Restarts(w.Kind) && terminal.Plain(w.Name) {
		return terminal.RestartCommand(w.Kind, w.Name, w.Namespace)
	}
	return explainCommand(w)
}

func explainCommand(w *Workload) string {
	return fmt.Sprintf("sidecar-injector explain %s -n %s", terminal.ShellWord(strings.ToLower(w.Kind)+"/"+w.Name), terminal.ShellWord(w.Namespace))
}

func sidecarPermissions(f *Facts) []Finding {
	if f.Lacking.Err != nil {
		return nil
	}
	var found []Finding
	for _, l := range f.Lacking.Value {
		if l.Unasked {
			found = append(found, warning(l.String(), "a few questions are asked for each service account, and the API server answers each by itself",
				"split what the account does, or ask for one right: kubectl auth can-i VERB RESOURCE --as=system:serviceaccount:"+l.Account.Namespace+":"+l.Account.Name))
			continue
		}
		found = append(found, warning(
			fmt.Sprintf("service account %s of namespace %s may not %s", l.Account.Name, l.Account.Namespace, l.Permission),
			"it is needed by "+strings.Join(l.Instances, " and "),
			fmt.Sprintf("bind a %s with these rights to it: %s", l.Binding(), bindCommands(&l))))
	}
	return found
}

// bindCommands returns how a service account is bound to a role, in each namespace that it reads.
func bindCommands(l *webhook.MissingAccess) string {
	account := terminal.ShellWord(l.Account.Namespace + ":" + l.Account.Name)
	if slices.Contains(l.Permission.Namespaces, v1alpha1.EveryNamespace) {
		return "kubectl create clusterrolebinding … --serviceaccount=" + account
	}
	namespaces := l.Permission.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{l.Account.Namespace}
	}
	commands := make([]string, len(namespaces))
	for i, n := range namespaces {
		commands[i] = fmt.Sprintf("kubectl create rolebinding … --serviceaccount=%s -n %s", account, terminal.ShellWord(n))
	}
	return strings.Join(commands, "; ")
}

// sidecarUsers warns about sidecars that may not be able to read the app's files. No probe detects that.
func sidecarUsers(f *Facts) []Finding {
	if len(f.Apart) == 0 {
		return nil
	}
	var where []string
	for _, a := range f.Apart {
		where = append(where, terminal.Shown(a.Instance)+" in "+a.Namespace)
	}
	first := f.Apart[0]
	return []Finding{warning("sidecars may not be able to read what their app writes: "+names(where),
		fmt.Sprintf("in pod %s %s", terminal.Shown(first.Pod), first.Text),
		fmt.Sprintf("state the app's runAsUser, other than 0, in its securityContext: the sidecar then runs as the same user. "+
			"The sidecar's log tells whether something is refused: sidecar-injector explain %s -n %s", terminal.ShellWord("pod/"+first.Pod), terminal.ShellWord(first.Namespace)))}
}
