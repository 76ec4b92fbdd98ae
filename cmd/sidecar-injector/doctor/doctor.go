// Package doctor diagnoses an injector that does not work as it should. Gather reads the facts of a cluster
// with the user's permissions, and Judge derives findings from the facts alone; the caller prints them. A
// fact that the user may not read becomes a warning that names the missing permission, never a failure.
package doctor

import (
	"fmt"
	"slices"
	"time"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
)

// Mark is the result of a check.
type Mark string

// The marks.
const (
	OK      Mark = "ok"
	Warning Mark = "warning"
	Failure Mark = "failure"
)

// guide is the page that describes the checks; the heading of a check is guide + "#" + ID.
const guide = "https://github.com/sidecar-injector/sidecar-injector/blob/main/docs/troubleshooting.md"

// Finding is one result of a check. A check that looks at several objects may have several.
type Finding struct {
	// ID is the name of the check, Section the heading under which it is shown.
	ID      string `json:"id"`
	Section string `json:"section"`
	Mark    Mark   `json:"mark"`
	// Text says what was found, Cause why it matters or how it came about, Fix what to do.
	Text  string `json:"text"`
	Cause string `json:"cause,omitempty"`
	Fix   string `json:"fix,omitempty"`
	// See is the URL of the check's documentation; "" if Mark is OK.
	See string `json:"see,omitempty"`
}

// ok returns a finding with the mark OK.
func ok(format string, args ...any) []Finding {
	return []Finding{{Mark: OK, Text: fmt.Sprintf(format, args...)}}
}

func failure(text, cause, fix string) Finding {
	return Finding{Mark: Failure, Text: text, Cause: cause, Fix: fix}
}

func warning(text, cause, fix string) Finding {
	return Finding{Mark: Warning, Text: text, Cause: cause, Fix: fix}
}

// unseen returns the finding of a check whose object the user may not read, or could not be read.
func unseen(what, right string, err error) []Finding {
	if live.Denied(err) {
		return []Finding{warning(what+": not seen", "your rights do not allow to "+right, "run check as somebody who may")}
	}
	sentence, advice := live.Meaning(err)
	if sentence == "" {
		return []Finding{warning(what+": not seen", err.Error(), "run check again")}
	}
	return []Finding{warning(what+": not seen", sentence+": "+err.Error(), advice)}
}

// check is one check.
type check struct {
	id, section string
	// when, if not nil, reports whether the check applies.
	when func(*Facts) bool
	// judge returns nothing if there is nothing to check.
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

// checks returns all checks in the order in which they are shown.
func checks() []check {
	return []check{
		{"api-version", sectionKubernetes, nil, apiVersion},
		{"node-version", sectionKubernetes, nil, nodeVersion},
		{"webhook-api", sectionKubernetes, nil, webhookAPI},
		{"rights-to-install", sectionBefore, nil, rightsToInstall},
		{"other-installation", sectionBefore, nil, otherInstallation},
		{"installed", sectionInstallation, nil, installed},
		{"single-installation", sectionInstallation, nil, singleInstallation},
		{"deployment", sectionInstallation, (*Facts).installedAt, deployment},
		{"restarts", sectionInstallation, (*Facts).installedAt, restarts},
		{"service", sectionInstallation, (*Facts).installedAt, service},
		{"endpoints", sectionInstallation, (*Facts).installedAt, endpoints},
		{"lease", sectionInstallation, (*Facts).installedAt, lease},
		{"webhook-entries", sectionWebhook, nil, webhookEntries},
		{"webhook-policy", sectionWebhook, nil, webhookPolicy},
		{"webhook-selectors", sectionWebhook, nil, webhookSelectors},
		{"webhook-reinvocation", sectionWebhook, nil, webhookReinvocation},
		{"ca-bundle", sectionWebhook, nil, caBundle},
		{"ca-secret", sectionWebhook, (*Facts).installedAt, caSecret},
		{"advice", sectionWebhook, (*Facts).installed, advice},
		{"crds", sectionTemplates, (*Facts).installed, crds},
		{"settings", sectionTemplates, (*Facts).installedAt, settings},
		{"templates", sectionTemplates, (*Facts).installed, templatesReady},
		{"namespaces-enabled", sectionNamespaces, (*Facts).installed, namespacesEnabled},
		{"namespace-labels", sectionNamespaces, nil, namespaceLabels},
		{"round-trip", sectionTrial, (*Facts).installed, roundTrip},
		{"namespace-limits", sectionTrial, nil, namespaceLimits},
		{"pods-missed", sectionPods, (*Facts).installed, podsMissed},
		{"pods-outdated", sectionPods, (*Facts).installed, podsOutdated},
		{"sidecar-permissions", sectionPods, nil, sidecarPermissions},
		{"sidecar-users", sectionPods, nil, sidecarUsers},
	}
}

// IDs returns the names of all checks.
func IDs() []string {
	var ids []string
	for _, c := range checks() {
		ids = append(ids, c.id)
	}
	return ids
}

// Judge runs all checks on the facts.
func Judge(f *Facts) []Finding {
	var all []Finding
	for _, c := range checks() {
		if c.when != nil && !c.when(f) {
			continue
		}
		for _, found := range c.judge(f) {
			found.ID, found.Section = c.id, c.section
			if found.Mark != OK {
				found.See = guide + "#" + c.id
			}
			all = append(all, found)
		}
	}
	return all
}

// Failed reports whether any finding is a failure.
func Failed(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Mark == Failure })
}

// restartAge is the age up to which a container's last restart is reported.
const restartAge = time.Hour

// staleLease is the age of the last renewal from which a Lease counts as not held. The injector renews it
// every few seconds; the rest allows for differing clocks.
const staleLease = time.Minute
