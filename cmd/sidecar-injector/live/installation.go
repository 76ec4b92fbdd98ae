package live

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Selector is the label selector of the objects that the chart installs.
const Selector = "app.kubernetes.io/name=sidecar-injector"

// Installation is an injector in the cluster. Nearly all its objects have its name.
type Installation struct {
	Name string `json:"name"`
	// Namespace is "" for an injector that is called by URL.
	Namespace string `json:"namespace,omitempty"`
	// Settings are those of its configuration, or the defaults.
	Settings *config.Config `json:"-"`
	// Called reports whether a webhook configuration names it, so that the API server asks it about pods. It
	// is true as well if no configuration names any.
	Called bool `json:"-"`
}

// Title returns the name and, if known, the namespace, for messages.
func (i *Installation) Title() string {
	if i.Namespace == "" {
		return i.Name
	}
	return i.Name + " in namespace " + i.Namespace
}

// Installations returns the injectors that have a webhook configuration or a Deployment: those that are called
// first, and sorted by name. If several are called, it is not known what a new pod would get.
func (r *Reader) Installations(ctx context.Context) ([]Installation, error) {
	found := map[Installation]bool{} // whether it is called
	unseen := false
	configurations, err := r.client.AdmissionregistrationV1().MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		if err := r.excuse("webhook configurations", "the injector is looked for by its Deployment", err); err != nil {
			return nil, err
		}
		configurations, unseen = &admissionregistrationv1.MutatingWebhookConfigurationList{}, true
	}
	for i := range configurations.Items {
		if c := &configurations.Items[i]; Ours(c) {
			found[Installation{Name: c.Name, Namespace: calledNamespace(c)}] = true
		}
	}
	deployments, err := r.client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{LabelSelector: Selector, Limit: chunk})
	if err == nil {
		for _, d := range deployments.Items {
			byURL, here := Installation{Name: d.Name}, Installation{Name: d.Name, Namespace: d.Namespace}
			found[here] = found[here] || found[byURL]
			delete(found, byURL)
		}
	} else if err := r.excuse("Deployments of all namespaces", "the injector is looked for by its webhook configuration", err); err != nil {
		return nil, err
	}
	all := sorted(found)
	r.several(all)
	if len(all) == 0 && unseen {
		r.unreadSettings(missing("the injector's webhook configuration, which leads to its settings,", "list", "mutatingwebhookconfigurations.admissionregistration.k8s.io", ""))
	}
	for i := range all {
		if !all[i].Called {
			continue
		}
		if err := r.settings(ctx, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sorted returns the installations, those that are called first. If none is, all count as called.
func sorted(found map[Installation]bool) []Installation {
	none := !slices.Contains(slices.Collect(maps.Values(found)), true)
	rank := map[bool]int{true: 0, false: 1}
	var all []Installation
	for i, called := range found {
		i.Called = called || none
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b Installation) int {
		return cmp.Or(rank[a.Called]-rank[b.Called], strings.Compare(a.Name, b.Name), strings.Compare(a.Namespace, b.Namespace))
	})
	return all
}

// several adds the gap of settings and templates if more than one injector is called: which one answers for a
// pod, with which settings, depends on selectors, and both may.
func (r *Reader) several(installations []Installation) {
	var called []string
	for i := range installations {
		if installations[i].Called {
			called = append(called, installations[i].Title())
		}
	}
	if len(called) > 1 {
		r.unreadSettings(fmt.Sprintf("%d injectors are installed, each with settings and templates of its own: %s", len(called), strings.Join(called, "; ")))
	}
}

// Ours reports whether a webhook configuration belongs to an injector. It examines the names of the
// webhooks, which remain if the configuration is renamed or loses its labels.
func Ours(c *admissionregistrationv1.MutatingWebhookConfiguration) bool {
	return slices.ContainsFunc(c.Webhooks, func(w admissionregistrationv1.MutatingWebhook) bool {
		return strings.HasSuffix(w.Name, "."+inject.Domain)
	})
}

func calledNamespace(c *admissionregistrationv1.MutatingWebhookConfiguration) string {
	for _, w := range c.Webhooks {
		if w.ClientConfig.Service != nil {
			return w.ClientConfig.Service.Namespace
		}
	}
	return ""
}

// firstWithSleep is the first minor version of Kubernetes that supports the preStop hook sleep.
const firstWithSleep = 30

// Defaults returns the settings that are assumed for an injector whose own cannot be read: the defaults,
// with the chart's addition for API servers without the preStop hook sleep. An API server of unknown
// version is assumed to support it.
func (r *Reader) Defaults(ctx context.Context) *config.Config {
	settings := config.Default()
	if minor, err := r.minor(ctx); err == nil && minor < firstWithSleep {
		settings.Cluster = map[string]string{"preStopSleep": "false"}
	}
	return settings
}

// unreadSettings adds the gap of settings that are not known, with a note.
func (r *Reader) unreadSettings(why string) {
	r.gaps = append(r.gaps, gap{ofSettings, why, always})
	r.Note(why + ": what a new pod would get is not known")
}

// settings sets the settings of an installation.
func (r *Reader) settings(ctx context.Context, i *Installation) error {
	settings, err := r.configured(ctx, i)
	if settings == nil {
		settings = r.Defaults(ctx)
	}
	settings.OwnNamespace = cmp.Or(settings.OwnNamespace, i.Namespace)
	i.Settings = settings
	return err
}

// configured reads an injector's configuration; nil if there is none that can be read.
func (r *Reader) configured(ctx context.Context, i *Installation) (*config.Config, error) {
	if i.Namespace == "" {
		r.unreadSettings(fmt.Sprintf("injector %s is called by URL, and its settings and template files are not in the cluster", i.Name))
		return nil, nil
	}
	held, denied, err := r.configMap(ctx, i.Namespace, i.Name, "the injector counts as having its default settings")
	if denied {
		r.unreadSettings(missing("the injector's settings, ConfigMap "+i.Name+",", "get", "configmaps", i.Namespace))
	}
	if denied || err != nil {
		return nil, err
	}
	text, there := "", false
	if held != nil {
		text, there = held.Data["config.yaml"]
	}
	if !there {
		r.unreadSettings(fmt.Sprintf("the injector's settings are not in ConfigMap %s in namespace %s, where they are looked for", i.Name, i.Namespace))
		return nil, nil
	}
	settings, err := config.Parse(fmt.Sprintf("ConfigMap %s/%s, config.yaml", i.Namespace, i.Name), []byte(text))
	if err != nil {
		// A running injector may have read it before it was broken; the command check reports the fault.
		r.unreadSettings(fmt.Sprintf("the injector's settings have a fault, and those that it read before are not in the cluster: %v", err))
		return nil, nil
	}
	return settings, nil
}

// configMap reads a ConfigMap. It returns nil if there is none, or, with a note about the consequence, if
// the user may not read it, which is then denied.
func (r *Reader) configMap(ctx context.Context, namespace, name, consequence string) (held *corev1.ConfigMap, denied bool, err error) {
	at := source{"ConfigMap", namespace, name}
	r.saw(at, "")
	held, err = r.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case err == nil:
		r.saw(at, versionOf(held))
		return held, false, nil
	case absent(err):
		return nil, false, nil
	}
	return nil, Denied(err), r.excuse(fmt.Sprintf("ConfigMap %s/%s", namespace, name), consequence, err)
}
