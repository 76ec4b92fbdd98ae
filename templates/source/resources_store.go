package source

import (
	"reflect"

	"k8s.io/client-go/tools/cache"

	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// A resourceKind is the store that a reflector fills. It keeps only the compiled records, not the objects
// that the API server sends.
var _ cache.TransformingStore = (*resourceKind)(nil)

// Transformer compiles each resource of the first list as it arrives, so that ten
// thousand of them are never in memory at once.
func (k *resourceKind) Transformer() cache.TransformFunc {
	return func(object any) (any, error) {
		if r, ok := object.(*resource); ok {
			k.compile(r)
		}
		return object, nil
	}
}

// Add is the same as Update.
func (k *resourceKind) Add(object any) error { return k.Update(object) }

// Update adds or replaces a resource.
func (k *resourceKind) Update(object any) error {
	r := object.(*resource)
	k.compile(r)
	k.set(k.key(r), r.record)
	return nil
}

// Delete removes a resource.
func (k *resourceKind) Delete(object any) error {
	k.set(k.key(object.(*resource)), nil)
	return nil
}

// set replaces the record of a resource; nil removes it.
func (k *resourceKind) set(key identity, now *record) {
	k.mu.Lock()
	before, told := k.records[key], k.told
	if now != nil {
		k.records[key] = now
	} else {
		delete(k.records, key)
	}
	k.mu.Unlock()
	k.tell(told, key, before, now)
}

// Replace replaces all resources.
func (k *resourceKind) Replace(objects []any, _ string) error {
	records := make(map[identity]*record, len(objects))
	for _, object := range objects {
		r := object.(*resource)
		k.compile(r)
		records[k.key(r)] = r.record
	}
	k.replace(records)
	return nil
}

// Resync does nothing.
func (k *resourceKind) Resync() error { return nil }

// replace replaces all records and clears the error: the kind can be read.
func (k *resourceKind) replace(records map[identity]*record) {
	k.mu.Lock()
	before, failed := k.records, k.err
	k.records, k.err = records, nil
	told := k.told
	k.mu.Unlock()
	for key, now := range records {
		k.tell(told, key, before[key], now)
	}
	for key, was := range before {
		if records[key] == nil {
			k.tell(told, key, was, nil)
		}
	}
	if before == nil || failed != nil {
		k.wake()
	}
}

// fail sets the error that the kind cannot be read. Its records are kept.
func (k *resourceKind) fail(err error) {
	k.mu.Lock()
	k.err = err
	k.mu.Unlock()
	k.wake()
}

// tell signals a changed template to the reader, and to told; told is also called if only the status changed.
func (k *resourceKind) tell(told func(identity), key identity, before, now *record) {
	sameTemplate := before != nil && now != nil && before.uid == now.uid && before.generation == now.generation
	if !sameTemplate {
		k.wake()
	}
	if told != nil && !(sameTemplate && reflect.DeepEqual(before.observed, now.observed)) {
		told(key)
	}
}

func (k *resourceKind) key(r *resource) identity { return identity{k.kind, r.Namespace, r.Name} }

// compile sets the record of a resource, once, and drops its content. If the spec has not changed, the
// template is kept; if the new one is broken, the last good one is.
func (k *resourceKind) compile(r *resource) {
	if r.record != nil {
		return
	}
	k.mu.Lock()
	before := k.records[k.key(r)]
	k.mu.Unlock()
	now := &record{uid: r.UID, generation: r.Generation, observed: r.status}
	if before != nil && before.uid == now.uid && before.generation == now.generation {
		now.entry, now.inForce = before.entry, before.inForce
	} else {
		now.entry = k.loader.LoadResource(load.Resource{Kind: k.kind, Namespace: r.Namespace, Name: r.Name, Content: r.content})
		now.inForce = r.Generation
		if now.entry.Broken() {
			now.inForce = 0
			if before != nil {
				now.entry.Template, now.inForce = before.entry.Template, before.inForce
			}
		}
	}
	r.record, r.content, r.Annotations = now, nil, nil
}
