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

// watch watches one object by name, so that permissions for that object are sufficient.
type watch struct {
	what     string // the object, in messages
	informer cache.SharedIndexInformer
	object   func() any  // the present object; nil if it does not exist
	seen     func() bool // whether the initial list has been received

	mu  sync.Mutex
	err error // last error of the watch
}

// named restricts a list or watch to the object of that name.
func named(name string) func(*metav1.ListOptions) {
	return func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	}
}

// newWatch returns a watch of the object with a key in an informer's store.
func newWatch(what, key string, informer cache.SharedIndexInformer) *watch {
	return &watch{what: what, informer: informer, seen: informer.HasSynced, object: func() any {
		object, found, err := informer.GetStore().GetByKey(key)
		if err != nil || !found {
			return nil
		}
		return object
	}}
}

func watchSecret(client kubernetes.Interface, namespace, name string) *watch {
	informer := coreinformers.NewFilteredSecretInformer(client, namespace, 0, cache.Indexers{}, named(name))
	return newWatch(fmt.Sprintf("Secret %s/%s", namespace, name), namespace+"/"+name, informer)
}

func watchMutating(client kubernetes.Interface, name string) *watch {
	return newWatch(mutating+" "+name, name, admissioninformers.NewFilteredMutatingWebhookConfigurationInformer(client, 0, cache.Indexers{}, named(name)))
}

func watchValidating(client kubernetes.Interface, name string) *watch {
	return newWatch(validating+" "+name, name, admissioninformers.NewFilteredValidatingWebhookConfigurationInformer(client, 0, cache.Indexers{}, named(name)))
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

// synced returns why the object's state is unknown, or nil if it is known.
func (w *watch) synced() error {
	if w.seen() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return fmt.Errorf("%s: not seen yet: %w", w.what, w.err)
	}
	return errors.New(w.what + ": not seen yet")
}
