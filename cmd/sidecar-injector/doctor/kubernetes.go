package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	utilversion "k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates/release"
)

// tooOld reports whether a version is older than the oldest supported one; false if it cannot be parsed.
func tooOld(text string) bool {
	v, err := utilversion.ParseGeneric(text)
	return err == nil && v.LessThan(utilversion.MustParseGeneric(release.Oldest))
}

func apiVersion(f *Facts) []Finding {
	if tooOld(f.Version.GitVersion) {
		return []Finding{failure(
			fmt.Sprintf("the API server is %s, older than %s", f.Version.GitVersion, release.Oldest),
			"it drops restartPolicy from init containers without a word, so that a native sidecar holds its pod in Init for ever",
			"upgrade the cluster: the chart installs on no older one",
		)}
	}
	return ok("the API server answers (%s)", f.Version.GitVersion)
}

func nodeVersion(f *Facts) []Finding {
	if f.Kubelets.Err != nil {
		return unseen("versions of the nodes", "list nodes", f.Kubelets.Err)
	}
	var found []Finding
	if nodes, versions := f.nodes(tooOld); nodes > 0 {
		found = append(found, warning(
			fmt.Sprintf("%s older than %s (%s)", count(nodes, "node is", "nodes are"), release.Oldest, versions),
			"a kubelet that old waits for a native sidecar to end before it starts the app",
			"upgrade the nodes, or set config.native: false in the chart's values",
		))
	}
	if nodes, versions := f.nodes(forgetsStartup); nodes > 0 {
		found = append(found, warning(
			fmt.Sprintf("%s of a version that does not restart apps beside native sidecars (%s)", count(nodes, "node is", "nodes are"), versions),
			"after a restart of the kubelet it takes a native sidecar with a startup probe for one that has not started, and an app that ends is not started again (kubernetes/kubernetes#136910)",
			"upgrade the nodes to 1.35.4 or newer, or set config.native: false in the chart's values",
		))
	}
	switch {
	case len(found) > 0:
		return found
	case len(f.Kubelets.Value) == 0:
		return nil
	}
	return ok("every node is at least %s", release.Oldest)
}

// forgetsStartup reports whether a kubelet is one of 1.35.0 to 1.35.3, which have the regression
// kubernetes/kubernetes#136910.
func forgetsStartup(text string) bool {
	v, err := utilversion.ParseGeneric(text)
	return err == nil && v.AtLeast(utilversion.MustParseGeneric("1.35.0")) && v.LessThan(utilversion.MustParseGeneric("1.35.4"))
}

// nodes counts the nodes with a kubelet version for which meant returns true, and lists these versions.
func (f *Facts) nodes(meant func(version string) bool) (nodes int, versions string) {
	var list []string
	for version, n := range f.Kubelets.Value {
		if meant(version) {
			list, nodes = append(list, version), nodes+n
		}
	}
	slices.Sort(list)
	return nodes, strings.Join(list, ", ")
}

func webhookAPI(f *Facts) []Finding {
	if f.Webhooks.Err != nil {
		return unseen("the API of webhook configurations", "discover APIs", f.Webhooks.Err)
	}
	if !f.Webhooks.Value {
		return []Finding{failure("the API server does not serve mutatingwebhookconfigurations (admissionregistration.k8s.io/v1)",
			"without it nobody asks the injector", "start the API server without --runtime-config that switches the API off")}
	}
	return ok("webhook configurations are served")
}

func rightsToInstall(f *Facts) []Finding {
	switch {
	case !f.Before:
		return nil
	case f.Rights.Err != nil:
		return unseen("rights", "ask for your own rights", f.Rights.Err)
	case len(f.Rights.Value) > 0:
		return []Finding{failure("you may not "+strings.Join(f.Rights.Value, ", nor "),
			"the chart has objects of the whole cluster, which take an administrator", "install as somebody who may: kubectl auth can-i --list shows what you may")}
	}
	return ok("you may create what the chart holds")
}

func otherInstallation(f *Facts) []Finding {
	if !f.Before {
		return nil
	}
	if f.Mutating.Err != nil {
		return unseen("other installations", "list mutatingwebhookconfigurations", f.Mutating.Err)
	}
	if len(f.Installations) > 0 {
		i := f.Installations[0]
		return []Finding{failure(
			fmt.Sprintf("there is an injector already: %s", i.Title()),
			"two injectors answer every pod twice",
			"upgrade that one (helm upgrade), or uninstall it first (helm uninstall "+cmp.Or(i.Name, "NAME")+")",
		)}
	}
	return ok("no other injector is installed")
}

// count returns a number with the fitting phrase: "1 node is", "2 nodes are".
func count(n int, one, more string) string {
	return fmt.Sprintf("%d %s", n, number(n, one, more))
}

// number returns one of two texts.
func number(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}
