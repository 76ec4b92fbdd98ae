package certs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	admissioninformers "k8s.io/client-go/informers/admissionregistration/v1"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// watch follows one object. It asks for nothing else, so that rights to that one are enough.
type watch struct {
	what     string // the object, in messages
	key      string
	informer cache.SharedIndexInformer

	mu  sync.Mutex
	err error // of the last attempt to watch
}

// named selects the one object of that name.
func named(name string) func(*metav1.ListOptions) {
	return func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	}
}

func watchSecret(client kubernetes.Interface, namespace, name string) *watch {
	return &watch{
		what:     fmt.Sprintf("Secret %s/%s", namespace, name),
		key:      namespace + "/" + name,
		informer: coreinformers.NewFilteredSecretInformer(client, namespace, 0, cache.Indexers{}, named(name)),
	}
}

func watchMutating(client kubernetes.Interface, name string) *watch {
	return &watch{
		what:     mutating + " " + name,
		key:      name,
		informer: admissioninformers.NewFilteredMutatingWebhookConfigurationInformer(client, 0, cache.Indexers{}, named(name)),
	}
}

func watchValidating(client kubernetes.Interface, name string) *watch {
	return &watch{
		what:     validating + " " + name,
		key:      name,
		informer: admissioninformers.NewFilteredValidatingWebhookConfigurationInformer(client, 0, cache.Indexers{}, named(name)),
	}
}

// run watches until ctx is done, and calls changed at every change.
func (w *watch) run(ctx context.Context, changed func()) error {
	_, err := w.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	})
	if err == nil {
		err = w.informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, r *cache.Reflector, err error) {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
			cache.DefaultWatchErrorHandler(ctx, r, err)
		})
	}
	if err != nil {
		return fmt.Errorf("watch of %s: %w", w.what, err)
	}
	w.informer.RunWithContext(ctx)
	return nil
}

// object is what the watch has; nil when there is none.
func (w *watch) object() any {
	object, found, err := w.informer.GetStore().GetByKey(w.key)
	if err != nil || !found {
		return nil
	}
	return object
}

// synced says why nothing is known of the object yet; nil when it is.
func (w *watch) synced() error {
	if w.informer.HasSynced() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return fmt.Errorf("%s: not seen yet: %w", w.what, w.err)
	}
	return errors.New(w.what + ": not seen yet")
}
