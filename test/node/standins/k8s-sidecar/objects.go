package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// watchTimeout is the duration after which the API server ends a watch, in seconds.
const watchTimeout = 60

// object is a ConfigMap or a Secret.
type object struct {
	kind, namespace, name string
	annotations           map[string]string
	data                  map[string][]byte
}

func (o object) key() string { return o.kind + "/" + o.namespace + "/" + o.name }

func newObject(from runtime.Object) (object, error) {
	switch from := from.(type) {
	case *v1.ConfigMap:
		return fromConfigMap(*from), nil
	case *v1.Secret:
		return fromSecret(*from), nil
	}
	return object{}, fmt.Errorf("%T is no ConfigMap and no Secret: %w", from, apierrors.FromObject(from))
}

func fromConfigMap(c v1.ConfigMap) object {
	o := object{"configmap", c.Namespace, c.Name, c.Annotations, map[string][]byte{}}
	for key, value := range c.Data {
		o.data[key] = []byte(value)
	}
	for key, value := range c.BinaryData {
		o.data[key] = value
	}
	return o
}

func fromSecret(s v1.Secret) object {
	return object{"secret", s.Namespace, s.Name, s.Annotations, s.Data}
}

// place is a kind in a namespace.
type place struct{ kind, namespace string }

// everywhere is the value that means all namespaces.
const everywhere = "ALL"

func (p place) apiNamespace() string {
	if p.namespace == everywhere {
		return metav1.NamespaceAll
	}
	return p.namespace
}

func list(ctx context.Context, client corev1.CoreV1Interface, p place, selector string) (objects []object, err error) {
	options := metav1.ListOptions{LabelSelector: selector}
	if p.kind == "secret" {
		found, err := client.Secrets(p.apiNamespace()).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, s := range found.Items {
			objects = append(objects, fromSecret(s))
		}
		return objects, nil
	}
	found, err := client.ConfigMaps(p.apiNamespace()).List(ctx, options)
	if err != nil {
		return nil, err
	}
	for _, c := range found.Items {
		objects = append(objects, fromConfigMap(c))
	}
	return objects, nil
}

// open starts a watch, which first sends all existing objects.
func open(ctx context.Context, client corev1.CoreV1Interface, p place, selector string) (watch.Interface, error) {
	timeout := int64(watchTimeout)
	options := metav1.ListOptions{LabelSelector: selector, TimeoutSeconds: &timeout}
	if p.kind == "secret" {
		return client.Secrets(p.apiNamespace()).Watch(ctx, options)
	}
	return client.ConfigMaps(p.apiNamespace()).Watch(ctx, options)
}

// apiException returns the text that the original prints for an error of the API server.
func apiException(err error) (text string, ok bool) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return "", false
	}
	s := status.Status()
	body, _ := json.Marshal(s)
	return fmt.Sprintf("ApiException when calling kubernetes: (%d)\nReason: %s\nHTTP response body: %s\n", s.Code, s.Reason, body), true
}
