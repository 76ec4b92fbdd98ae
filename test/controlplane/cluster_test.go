//go:build controlplane

package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// object is a Kubernetes object as decoded JSON. It is untyped, because the server's types may have fields
// that this module's types lack.
type object = map[string]any

// stored is the API server's answer to a creation.
type stored struct {
	object   object
	warnings []string
}

// collections returns the API paths of the kinds that the suite creates.
func collections() map[string]string {
	return map[string]string{
		"Pod": "/api/v1/namespaces/%s/pods", "ReplicationController": "/api/v1/namespaces/%s/replicationcontrollers",
		"Deployment": "/apis/apps/v1/namespaces/%s/deployments", "ReplicaSet": "/apis/apps/v1/namespaces/%s/replicasets",
		"StatefulSet": "/apis/apps/v1/namespaces/%s/statefulsets", "DaemonSet": "/apis/apps/v1/namespaces/%s/daemonsets",
		"Job": "/apis/batch/v1/namespaces/%s/jobs", "CronJob": "/apis/batch/v1/namespaces/%s/cronjobs",
	}
}

// create posts an object to a namespace. A []byte is sent unchanged, anything else as JSON.
func create(ctx context.Context, namespace, kind string, what any, options ...string) (stored, error) {
	path, known := collections()[kind]
	if !known {
		return stored{}, fmt.Errorf("kind %q: the suite does not create it", kind)
	}
	body, isText := what.([]byte)
	if !isText {
		var err error
		if body, err = json.Marshal(what); err != nil {
			return stored{}, err
		}
	}
	return post(ctx, fmt.Sprintf(path, namespace), body, options...)
}

// post sends an object to a collection; options are name=value.
func post(ctx context.Context, path string, body []byte, options ...string) (stored, error) {
	request := suite.client.CoreV1().RESTClient().Post().AbsPath(path).
		SetHeader("Content-Type", "application/json").SetHeader("Accept", "application/json").Body(body)
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		request.Param(name, value)
	}
	result := request.Do(ctx)
	var s stored
	for _, w := range result.Warnings() {
		s.warnings = append(s.warnings, w.Text)
	}
	if err := result.Error(); err != nil {
		return s, err
	}
	raw, err := result.Raw()
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(raw, &s.object)
}

// createPod is create for a pod that has to be admitted.
func createPod(t *testing.T, namespace string, pod any, options ...string) stored {
	t.Helper()
	s, err := create(t.Context(), namespace, "Pod", pod, options...)
	if err != nil {
		t.Fatalf("pod: %v", err)
	}
	return s
}

// refusal returns the message with which a webhook refused a pod; refused is false for other errors.
func refusal(err error) (message string, refused bool) {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return "", false
	}
	_, message, refused = strings.Cut(status.Status().Message, " denied the request: ")
	return message, refused
}

// names generates the names of the suite's namespaces.
type names struct{ last atomic.Int64 }

// newNamespace creates a namespace with an unused name, so that neither the API server nor the injector has
// cached an old state of it. Its service account exists already.
func newNamespace(t *testing.T, labels, annotations map[string]string) string {
	t.Helper()
	name := fmt.Sprintf("case-%d", suite.names.last.Add(1))
	makeNamespace(t, name, withScope(labels, scopeOf(t)), annotations)
	return name
}

// createNamespace creates a namespace of that name in the shared scope, or sets its labels and annotations if
// it exists.
func createNamespace(t *testing.T, name string, labels, annotations map[string]string) {
	t.Helper()
	makeNamespace(t, name, withScope(labels, sharedScope), annotations)
}

func makeNamespace(t *testing.T, name string, labels, annotations map[string]string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: annotations}}
	_, err := suite.client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		err = changeNamespace(t, namespace)
	}
	must(t, err)
	createAccount(t, name, "default")
}

// changeNamespace sets the labels and annotations of an existing namespace, and removes all others.
func changeNamespace(t *testing.T, want *corev1.Namespace) error {
	t.Helper()
	is, err := suite.client.CoreV1().Namespaces().Get(t.Context(), want.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	labels := maps.Clone(want.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[corev1.LabelMetadataName] = want.Name // set by the API server
	if maps.Equal(is.Labels, labels) && maps.Equal(is.Annotations, want.Annotations) {
		return nil
	}
	is.Labels, is.Annotations = labels, want.Annotations
	if _, err := suite.client.CoreV1().Namespaces().Update(t.Context(), is, metav1.UpdateOptions{}); err != nil {
		return err
	}
	time.Sleep(time.Second) // an injector does not report when its watch has the change
	return nil
}

func createAccount(t *testing.T, namespace, name string) {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := suite.client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), account, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// createAccounts creates the service accounts that an object refers to.
func createAccounts(t *testing.T, namespace string, o object) {
	t.Helper()
	for key, value := range o {
		if name, ok := value.(string); ok && key == "serviceAccountName" {
			createAccount(t, namespace, name)
		} else if inner, ok := value.(object); ok {
			createAccounts(t, namespace, inner)
		}
	}
}

// enabledNamespace returns a new namespace with the opt-in label.
func enabledNamespace(t *testing.T) string {
	t.Helper()
	return newNamespace(t, map[string]string{injectionLabel: "enabled"}, nil)
}

// uncalledNamespace returns a new namespace whose pods are not sent to the injector.
func uncalledNamespace(t *testing.T) string {
	t.Helper()
	return newNamespace(t, map[string]string{injectionLabel: "disabled"}, nil)
}

// podOf waits for the first pod that controllers create in a namespace with one workload, or for the event
// with the reason why they cannot create it.
func podOf(t *testing.T, namespace string) (object, error) {
	t.Helper()
	return podWithin(t, patience, namespace, "")
}

// podWithin is podOf with another time limit, and for objects whose names begin with prefix.
func podWithin(t *testing.T, patience time.Duration, namespace, prefix string) (object, error) {
	t.Helper()
	begun := time.Now().Add(-time.Second) // times of events have a resolution of one second
	var pods struct{ Items []object }
	var refused error
	err := eventually(t.Context(), patience, func(ctx context.Context) error {
		raw, err := suite.client.CoreV1().RESTClient().Get().AbsPath(fmt.Sprintf(collections()["Pod"], namespace)).
			SetHeader("Accept", "application/json").DoRaw(ctx)
		if err != nil {
			return err
		}
		pods.Items = nil
		if err := json.Unmarshal(raw, &pods); err != nil {
			return err
		}
		pods.Items = slices.DeleteFunc(pods.Items, func(pod object) bool { return !strings.HasPrefix(pod["metadata"].(object)["name"].(string), prefix) })
		if len(pods.Items) > 0 {
			return nil
		}
		list, err := suite.client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
		if err != nil {
			return err
		}
		list.Items = slices.DeleteFunc(list.Items, func(e corev1.Event) bool {
			return prefix != "" && (e.LastTimestamp.Time.Before(begun) || !strings.HasPrefix(e.InvolvedObject.Name+"-", prefix))
		})
		if len(list.Items) == 0 {
			return errors.New("no pod yet")
		}
		_, message, _ := strings.Cut(list.Items[0].Message, "Error creating: ")
		refused = &apierrors.StatusError{ErrStatus: metav1.Status{Message: message}}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("namespace %s: %w; events:\n%s", namespace, err, events(t, namespace))
	case refused != nil:
		return nil, refused
	}
	return pods.Items[0], nil
}

// events returns the messages of a namespace's events, one per line.
func events(t *testing.T, namespace string) string {
	t.Helper()
	list, err := suite.client.CoreV1().Events(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range list.Items {
		fmt.Fprintf(&b, "%s %s: %s %s\n", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
	return b.String()
}
