package doctor

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
)

func installed(f *Facts) []Finding {
	switch {
	case f.Before:
		return nil
	case len(f.Installations) == 0 && f.Mutating.Err != nil:
		return unseen("the injector", "list mutatingwebhookconfigurations or deployments", f.Mutating.Err)
	case len(f.Installations) == 0:
		return []Finding{failure("no injector is installed in this cluster",
			"there is neither a webhook configuration with an entry *.sidecar-injector.dev nor a Deployment with the label "+live.Selector,
			"helm install sidecar-injector … (docs/operations.md); sidecar-injector check --pre tells beforehand what is in the way")}
	case len(f.ours()) == 0 && f.Mutating.Err == nil:
		i := f.installation()
		return []Finding{failure(fmt.Sprintf("webhook configuration %s does not exist", i.Name),
			"the injector runs, but nobody asks it: the API server knows webhooks by their configuration only",
			fmt.Sprintf("helm upgrade %s … writes it again (kubectl apply of the rendered chart where Helm is not used)", i.Name))}
	}
	i := f.installation()
	return ok("the injector is %s", i.Title())
}

func singleInstallation(f *Facts) []Finding {
	if f.Before || len(f.Installations) < 2 {
		return nil
	}
	var all []string
	for _, i := range f.Installations {
		all = append(all, i.Title())
	}
	return []Finding{failure(fmt.Sprintf("%d injectors are installed: %s", len(all), strings.Join(all, "; ")),
		"both are asked about every pod, in the order of their names; templates of one are unknown to the other, which refuses the pods that ask for them",
		fmt.Sprintf("keep one: helm uninstall %s -n %s", f.Installations[1].Name, f.Installations[1].Namespace))}
}

func deployment(f *Facts) []Finding {
	i, d := f.installation(), f.Deployment.Value
	switch {
	case f.Deployment.Err != nil:
		return unseen("the Deployment", "get deployments in namespace "+i.Namespace, f.Deployment.Err)
	case d == nil:
		return []Finding{failure(fmt.Sprintf("Deployment %s/%s does not exist", i.Namespace, i.Name),
			"the webhook configuration names a Service of this name, but no injector is there to answer",
			fmt.Sprintf("install the chart in namespace %s, or delete what an uninstall left: kubectl delete mutatingwebhookconfiguration %s", i.Namespace, i.Name))}
	}
	want := ptr.Deref(d.Spec.Replicas, 1)
	logs := fmt.Sprintf("kubectl describe pods -n %s -l %s; kubectl logs -n %s deploy/%s", i.Namespace, live.Selector, i.Namespace, i.Name)
	switch ready := d.Status.ReadyReplicas; {
	case want == 0:
		return []Finding{failure(fmt.Sprintf("Deployment %s/%s is scaled to 0", i.Namespace, i.Name), "nobody answers the API server",
			fmt.Sprintf("kubectl scale deployment %s -n %s --replicas 2", i.Name, i.Namespace))}
	case ready == 0:
		return []Finding{failure(fmt.Sprintf("no replica of Deployment %s/%s is ready (0 of %d)", i.Namespace, i.Name, want), pending(f.Pods.Value), logs)}
	case ready < want:
		return []Finding{warning(fmt.Sprintf("%d of %d replicas of Deployment %s/%s are ready", ready, want, i.Namespace, i.Name), pending(f.Pods.Value), logs)}
	case want == 1:
		return []Finding{warning(fmt.Sprintf("Deployment %s/%s has a single replica", i.Namespace, i.Name),
			"while its node is drained, pods are refused or miss their sidecars", "set replicas: 2 in the chart's values")}
	}
	return ok("%d of %d replicas are ready", d.Status.ReadyReplicas, want)
}

// pending returns why pods are not ready, as far as their status shows.
func pending(pods []corev1.Pod) string {
	var reasons []string
	add := func(reason string) {
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	for _, p := range pods {
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
				add("not scheduled: " + c.Message)
			}
		}
		for _, c := range p.Status.ContainerStatuses {
			switch {
			case c.State.Waiting != nil && c.State.Waiting.Reason != "ContainerCreating":
				add(c.Name + ": " + c.State.Waiting.Reason)
			case c.State.Running != nil && !c.Ready:
				add(c.Name + " runs, but /readyz says no: its log tells what it waits for")
			}
		}
	}
	if len(reasons) == 0 {
		return "its pods do not tell why; they may not exist: quota or Pod Security of the namespace"
	}
	return strings.Join(reasons, "; ")
}

func restarts(f *Facts) []Finding {
	if f.Pods.Err != nil {
		return nil
	}
	var found []Finding
	for _, p := range f.Pods.Value {
		for _, c := range p.Status.ContainerStatuses {
			last := c.LastTerminationState.Terminated
			if c.RestartCount == 0 || last == nil || f.Now.Sub(last.FinishedAt.Time) > restartAge {
				continue
			}
			fix := fmt.Sprintf("kubectl logs -n %s %s --previous", p.Namespace, p.Name)
			if last.Reason == "OOMKilled" {
				fix = "raise resources.limits.memory in the chart's values"
			}
			found = append(found, warning(fmt.Sprintf("pod %s has restarted %s, the last time %s ago", p.Name, count(int(c.RestartCount), "time", "times"), age(f.Now.Sub(last.FinishedAt.Time))),
				fmt.Sprintf("it ended with %s, exit code %d", last.Reason, last.ExitCode), fix))
		}
	}
	if len(found) == 0 && len(f.Pods.Value) > 0 {
		return ok("no pod of it has restarted within the hour")
	}
	return found
}

func service(f *Facts) []Finding {
	i := f.installation()
	if f.Service.Err != nil {
		return unseen("the Service", "get services in namespace "+i.Namespace, f.Service.Err)
	}
	if len(f.ours()) > 0 && !callsService(f) {
		return ok("the injector is called by URL, not by a Service")
	}
	restore := fmt.Sprintf("helm upgrade %s -n %s … writes it again", i.Name, i.Namespace)
	s := f.Service.Value
	if s == nil {
		return []Finding{failure(fmt.Sprintf("Service %s/%s does not exist", i.Namespace, i.Name), "the webhook configuration calls it by this name", restore)}
	}
	for _, p := range s.Spec.Ports {
		if p.Port == calledPort(f) {
			return ok("Service %s/%s has port %d", i.Namespace, i.Name, p.Port)
		}
	}
	return []Finding{failure(fmt.Sprintf("Service %s/%s has no port %d", i.Namespace, i.Name, calledPort(f)), "the webhook configuration calls that port", restore)}
}

// callsService reports whether any of the injector's webhooks calls a Service.
func callsService(f *Facts) bool {
	return slices.ContainsFunc(f.hooks(), func(w admissionregistrationv1.MutatingWebhook) bool { return w.ClientConfig.Service != nil })
}

// calledPort returns the Service's port that the webhook configuration names, 443 by default.
func calledPort(f *Facts) int32 {
	for _, w := range f.hooks() {
		if s := w.ClientConfig.Service; s != nil && s.Port != nil {
			return *s.Port
		}
	}
	return 443
}

func endpoints(f *Facts) []Finding {
	if f.Service.Value == nil || len(f.ours()) > 0 && !callsService(f) {
		return nil
	}
	i := f.installation()
	if f.Endpoints.Err != nil {
		return unseen("endpoints", "list endpointslices in namespace "+i.Namespace, f.Endpoints.Err)
	}
	all := 0
	for _, s := range f.Endpoints.Value {
		all += len(s.Endpoints)
	}
	if ready(f) == 0 {
		cause := "no pod is ready; the API server has nobody to ask"
		if all == 0 {
			cause = "the Service selects no pod: its selector and the pods' labels differ, or there are no pods"
		}
		return []Finding{failure(fmt.Sprintf("Service %s/%s has no ready endpoint (%d not ready)", i.Namespace, i.Name, all), cause,
			fmt.Sprintf("kubectl get pods -n %s -l %s; kubectl get service %s -n %s -o jsonpath='{.spec.selector}'", i.Namespace, live.Selector, i.Name, i.Namespace))}
	}
	return ok("%s ready", count(ready(f), "endpoint is", "endpoints are"))
}

// ready returns the number of ready endpoints.
func ready(f *Facts) int {
	n := 0
	for _, s := range f.Endpoints.Value {
		for _, e := range s.Endpoints {
			if ptr.Deref(e.Conditions.Ready, true) {
				n++
			}
		}
	}
	return n
}

func lease(f *Facts) []Finding {
	i, l := f.installation(), f.Lease.Value
	logs := fmt.Sprintf("kubectl logs -n %s -l %s | grep lease", i.Namespace, live.Selector)
	switch {
	case f.Lease.Err != nil:
		return unseen("the Lease", "get leases in namespace "+i.Namespace, f.Lease.Err)
	case l == nil:
		return []Finding{warning(fmt.Sprintf("Lease %s/%s does not exist", i.Namespace, i.Name),
			"nobody may write: CA bundles are not renewed, templates have no status", fmt.Sprintf("helm upgrade %s -n %s … writes it again", i.Name, i.Namespace))}
	case l.Spec.RenewTime == nil || ptr.Deref(l.Spec.HolderIdentity, "") == "":
		return []Finding{warning(fmt.Sprintf("Lease %s/%s has no holder", i.Namespace, i.Name), "no replica writes: CA bundles are not renewed, templates have no status", logs)}
	}
	if since := f.Now.Sub(l.Spec.RenewTime.Time); since > staleLease {
		return []Finding{warning(fmt.Sprintf("Lease %s/%s was renewed %s ago, by %s", i.Namespace, i.Name, age(since), *l.Spec.HolderIdentity),
			"its holder is gone and no other replica took it: CA bundles are not renewed, templates have no status",
			logs+"; the ServiceAccount needs get and update on the Lease")}
	}
	return ok("%s holds the lease", *l.Spec.HolderIdentity)
}
