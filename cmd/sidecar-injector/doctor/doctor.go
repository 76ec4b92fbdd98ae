// Package doctor finds out why an injector does not do what it should. It works in
// three steps: Gather reads the facts of a cluster with the rights of whoever runs
// the command, Judge looks at them and nothing else, and whoever called prints.
// What the facts do not show, because somebody may not read it, is a warning that
// names the right, never a failure.
package doctor

import (
	"fmt"
	"time"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
)

// Mark is how a check went.
type Mark string

// The marks.
const (
	OK      Mark = "ok"
	Warning Mark = "warning"
	Failure Mark = "failure"
)

// Guide is where each check has a heading of its own: Guide + "#" + ID.
const Guide = "https://github.com/sidecar-injector/sidecar-injector/blob/main/docs/troubleshooting.md"

// Finding is what one check found; a check that looks at several things may have
// several.
type Finding struct {
	// ID is the check's, Section its heading's.
	ID      string `json:"id"`
	Section string `json:"section"`
	Mark    Mark   `json:"mark"`
	// Text says what is so; Cause why that matters or how it came about; Fix what to do.
	Text  string `json:"text"`
	Cause string `json:"cause,omitempty"`
	Fix   string `json:"fix,omitempty"`
	// See is the address of the check's heading in the docs; "" for what is well.
	See string `json:"see,omitempty"`
}

// ok is a finding that all is well.
func ok(format string, args ...any) []Finding {
	return []Finding{{Mark: OK, Text: fmt.Sprintf(format, args...)}}
}

func failure(text, cause, fix string) Finding {
	return Finding{Mark: Failure, Text: text, Cause: cause, Fix: fix}
}

func warning(text, cause, fix string) Finding {
	return Finding{Mark: Warning, Text: text, Cause: cause, Fix: fix}
}

// unseen is the finding of a check that may not look, or could not.
func unseen(what, right string, err error) []Finding {
	if live.Denied(err) {
		return []Finding{warning(what+": not seen", "your rights do not allow to "+right, "run check as somebody who may")}
	}
	return []Finding{warning(what+": not seen", err.Error(), "run check again")}
}

// check is one of the closed list.
type check struct {
	id, section string
	// judge gives nothing where the check has no object.
	judge func(*Facts) []Finding
}

// The sections, in their order.
const (
	sectionKubernetes   = "Kubernetes"
	sectionBefore       = "Before installing"
	sectionInstallation = "Injector"
	sectionWebhook      = "Webhook"
	sectionTemplates    = "Templates"
	sectionNamespaces   = "Namespaces"
	sectionTrial        = "Trial by dry run"
	sectionPods         = "Pods"
)

// checks are all of them, in the order in which they are shown.
func checks() []check {
	return []check{
		{"api-version", sectionKubernetes, apiVersion},
		{"node-version", sectionKubernetes, nodeVersion},
		{"webhook-api", sectionKubernetes, webhookAPI},
		{"rights-to-install", sectionBefore, rightsToInstall},
		{"other-installation", sectionBefore, otherInstallation},
		{"installed", sectionInstallation, installed},
		{"single-installation", sectionInstallation, singleInstallation},
		{"deployment", sectionInstallation, deployment},
		{"restarts", sectionInstallation, restarts},
		{"service", sectionInstallation, service},
		{"endpoints", sectionInstallation, endpoints},
		{"lease", sectionInstallation, lease},
		{"webhook-entries", sectionWebhook, webhookEntries},
		{"webhook-policy", sectionWebhook, webhookPolicy},
		{"webhook-selectors", sectionWebhook, webhookSelectors},
		{"webhook-reinvocation", sectionWebhook, webhookReinvocation},
		{"ca-bundle", sectionWebhook, caBundle},
		{"ca-secret", sectionWebhook, caSecret},
		{"advice", sectionWebhook, advice},
		{"crds", sectionTemplates, crds},
		{"settings", sectionTemplates, settings},
		{"templates", sectionTemplates, templatesReady},
		{"namespaces-enabled", sectionNamespaces, namespacesEnabled},
		{"namespace-labels", sectionNamespaces, namespaceLabels},
		{"round-trip", sectionTrial, roundTrip},
		{"namespace-limits", sectionTrial, namespaceLimits},
		{"pods-missed", sectionPods, podsMissed},
		{"pods-outdated", sectionPods, podsOutdated},
		{"sidecar-permissions", sectionPods, sidecarPermissions},
		{"sidecar-users", sectionPods, sidecarUsers},
	}
}

// IDs are the names of all checks; each has a heading in the docs.
func IDs() []string {
	var ids []string
	for _, c := range checks() {
		ids = append(ids, c.id)
	}
	return ids
}

// Judge runs every check over the facts.
func Judge(f *Facts) []Finding {
	var all []Finding
	for _, c := range checks() {
		for _, found := range c.judge(f) {
			found.ID, found.Section = c.id, c.section
			if found.Mark != OK {
				found.See = Guide + "#" + c.id
			}
			all = append(all, found)
		}
	}
	return all
}

// Failed says whether any check failed.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.Mark == Failure {
			return true
		}
	}
	return false
}

// restartAge is how old a container's last restart may be to count.
const restartAge = time.Hour

// staleLease is how long after its renewal a Lease has no holder any more, with room for
// clocks that differ: the injector renews it every few seconds.
const staleLease = time.Minute
