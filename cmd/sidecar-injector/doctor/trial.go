package doctor

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// shownMessage is the largest part of an API server's message that a finding shows, in characters.
const shownMessage = 400

func cut(text string) string { return terminal.Shorten(text, shownMessage) }

func roundTrip(f *Facts) []Finding {
	t := f.Trial.Value
	switch {
	case f.Trial.Err != nil:
		return unseen("a pod by dry run", "create pods", f.Trial.Err)
	case t == nil:
		return nil
	case t.Injected:
		return ok("a pod that was created by dry run in namespace %s came back with its sidecar", t.Namespace)
	case t.Message == "", t.Guarded:
		return []Finding{passedBy(f, t)}
	}
	if text, denied := denial(t.Message); denied {
		return []Finding{failure(fmt.Sprintf("the injector answers, but refuses a plain pod in namespace %s", t.Namespace), cut(text),
			"mend what it says; sidecar-injector explain REASON tells more")}
	}
	if t.Cause == CauseNone {
		return []Finding{warning(fmt.Sprintf("namespace %s does not admit a plain pod, so that nothing is proven", t.Namespace), cut(t.Message),
			"sidecar-injector check -n NAMESPACE tries another namespace")}
	}
	found := causeFinding(f, t.Cause, cut(t.Message))
	found.Text = fmt.Sprintf("pods of enabled namespaces are refused: the API server cannot ask the injector (%s)", t.Cause)
	return []Finding{found}
}

// passedBy returns the finding about a pod that came back without its sidecar and without an error message
// that says why.
func passedBy(f *Facts, t *Trial) Finding {
	text := fmt.Sprintf("a pod that was created by dry run in namespace %s came back without its sidecar", t.Namespace)
	if t.Guarded {
		text = fmt.Sprintf("a pod that was created by dry run in namespace %s got no sidecar, and the guard refuses it", t.Namespace)
	}
	cause := t.Reached.Value
	if cause == CauseNoEndpoints && ready(f) > 0 {
		cause = CauseNone // the API server's proxy reaches only endpoints that are pods
	}
	if t.Reached.Err == nil && cause != CauseNone {
		found := causeFinding(f, cause, "the API server cannot reach the injector, and failurePolicy Ignore lets pods pass without sidecars")
		found.Text = fmt.Sprintf("%s (%s)", text, cause)
		return found
	}
	for _, other := range append(caBundle(f), append(webhookEntries(f), webhookSelectors(f)...)...) {
		if other.Mark == Failure {
			return failure(text, other.Text, "see there: "+other.Fix)
		}
	}
	if len(t.Warnings) > 0 {
		return failure(text, cut(strings.Join(t.Warnings, "; ")), "mend what it says")
	}
	logs := "the API server's log says more: failed calling webhook"
	if i := f.installation(); i.Namespace != "" {
		logs = fmt.Sprintf("kubectl logs -n %s deploy/%s tells whether it was asked; %s", i.Namespace, i.Name, logs)
	}
	return failure(text, "the API server did not ask the injector, or the call failed and failurePolicy Ignore let the pod pass: an entry's selectors and matchConditions, or its certificate", logs)
}

// causeFinding returns a failure with the fix for a failed call; its Text is left to the caller.
func causeFinding(f *Facts, cause Cause, message string) Finding {
	i := f.installation()
	at := fmt.Sprintf("-n %s deploy/%s", i.Namespace, i.Name)
	fix := ""
	switch cause {
	case CauseNoService:
		fix = fmt.Sprintf("helm upgrade %s -n %s … writes the Service again; if the injector is to be gone, kubectl delete mutatingwebhookconfiguration %s", i.Name, i.Namespace, i.Name)
	case CauseNoEndpoints:
		fix = fmt.Sprintf("get a pod of it ready: kubectl get pods -n %s; kubectl logs %s", i.Namespace, at)
	case CauseRefused:
		fix = fmt.Sprintf("the injector is down, or listens on another port than %s calls: kubectl get pods -n %s; kubectl logs %s", callee(f), i.Namespace, at)
	case CauseTimeout, CauseUnreachable:
		fix = fmt.Sprintf("a firewall or a NetworkPolicy keeps the control plane from port %s of the pods (private clusters open 443 and 10250 only): open that port towards the nodes, or set webhook.port: 10250 in the chart's values; where pods cannot be reached at all, webhook.hostNetwork: true", podPort(f))
	case CauseName:
		fix = "the host in clientConfig.url of the webhook configuration is unknown where the API server runs: correct webhook.url in the chart's values"
	case CauseUnknownAuthority:
		fix = "the certificate is signed by another authority than those of the CA bundle: " + caFix(f)
	case CauseExpired:
		fix = "the certificate, or its authority, has expired, or a clock is wrong: " + caFix(f)
	case CauseWrongName:
		fix = fmt.Sprintf("the certificate has to be for %s: correct the Certificate or the Secret of tls.secretName", callee(f))
	case CauseBadBundle:
		fix = caFix(f)
	default:
		fix = fmt.Sprintf("kubectl logs %s tells what went wrong", at)
	}
	return failure("", message, fix)
}

func caFix(f *Facts) string {
	if ours := f.ours(); len(ours) > 0 {
		return bundleFix(f, &ours[0])
	}
	return ""
}

// callee returns the URL or host name that the API server calls.
func callee(f *Facts) string {
	for _, w := range f.hooks() {
		if w.ClientConfig.URL != nil {
			return *w.ClientConfig.URL
		}
	}
	i := f.installation()
	return i.Name + "." + i.Namespace + ".svc"
}

// podPort returns the port of the pods behind the Service, 9443 if unknown.
func podPort(f *Facts) string {
	for _, s := range f.Endpoints.Value {
		for _, p := range s.Ports {
			if p.Port != nil && (p.Name == nil || *p.Name == "webhook" || len(s.Ports) == 1) {
				return fmt.Sprint(*p.Port)
			}
		}
	}
	return "9443"
}

func namespaceLimits(f *Facts) []Finding {
	if f.Limits.Err != nil {
		return nil
	}
	var found []Finding
	for _, r := range f.Limits.Value {
		cause, fix := limitFix(r)
		found = append(found, failure(
			fmt.Sprintf("namespace %s admits a pod, but not with the sidecar %s", r.Namespace, message.Quote(r.Template)),
			cause+": "+cut(r.Message), fix))
	}
	if len(found) == 0 && f.Trial.Value != nil && f.Trial.Value.Injected {
		return ok("no quota, LimitRange or Pod Security level of the enabled namespaces refuses a sidecar")
	}
	return found
}

// limitFix derives the kind of limit from the API server's message; there is no structured form of it.
func limitFix(r Refusal) (cause, fix string) {
	override := fmt.Sprintf("set resources of the sidecar by the annotation %s.sidecar-injector.dev/override", r.Template)
	switch {
	case strings.Contains(r.Message, "must specify "):
		return "a quota demands requests or limits that the sidecar does not have",
			override + ", or give the namespace a LimitRange with defaults: kubectl describe resourcequota -n " + r.Namespace
	case strings.Contains(r.Message, "exceeded quota"):
		return "a quota is used up", "raise it, or make room: kubectl describe resourcequota -n " + r.Namespace
	case strings.Contains(r.Message, "violates PodSecurity"):
		return "the sidecar asks for more than the namespace's Pod Security level allows",
			"correct the securityContext in the template, or use another template; kubectl get namespace " + r.Namespace + " --show-labels shows the level"
	case strings.Contains(r.Message, "usage per Container") || strings.Contains(r.Message, "usage per Pod") || strings.Contains(r.Message, "limit to request ratio") ||
		strings.Contains(r.Message, "must be less than or equal to"):
		return "the sidecar's requests or limits do not fit a LimitRange", override + ": kubectl describe limitrange -n " + r.Namespace
	}
	return "something refuses it after the injector", "see the message; another webhook or policy may be at work"
}
