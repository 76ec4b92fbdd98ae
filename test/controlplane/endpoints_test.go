//go:build controlplane

package controlplane

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	corev1listers "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

// firstWithoutEndpoints is the first minor version of the API server that resolves Services by EndpointSlices
// only. Earlier versions read Endpoints: up to 1.34 for the proxy, in 1.29 for webhooks too.
const firstWithoutEndpoints = 35

// mirror keeps the Endpoints of Services equal to the EndpointSlices, which the tests write: in a real
// cluster, controllers make both from the pods.
type mirror struct {
	plane    *plane
	services corev1listers.ServiceLister
	slices   discoverylisters.EndpointSliceLister
	changed  chan string // NAMESPACE/SERVICE
}

// mirrorEndpoints runs a mirror until the context is done.
func (p *plane) mirrorEndpoints(ctx context.Context) error {
	factory := informers.NewSharedInformerFactory(p.client, 0)
	services, slices := factory.Core().V1().Services(), factory.Discovery().V1().EndpointSlices()
	m := &mirror{plane: p, services: services.Lister(), slices: slices.Lister(), changed: make(chan string, 1000)}
	for _, informer := range []cache.SharedIndexInformer{services.Informer(), slices.Informer()} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: m.tell, UpdateFunc: func(_, now any) { m.tell(now) }, DeleteFunc: m.tell,
		}); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case service := <-m.changed:
				if err := m.write(ctx, service); err != nil && ctx.Err() == nil {
					fmt.Fprintf(os.Stderr, "endpoints of Service %s: %v\n", service, err)
					time.AfterFunc(100*time.Millisecond, func() { m.changed <- service })
				}
			}
		}
	}()
	return nil
}

// tell queues the Service of an object, which is a Service or an EndpointSlice.
func (m *mirror) tell(o any) {
	if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	switch o := o.(type) {
	case *corev1.Service:
		m.changed <- cache.NewObjectName(o.Namespace, o.Name).String()
	case *discoveryv1.EndpointSlice:
		m.changed <- cache.NewObjectName(o.Namespace, o.Labels[discoveryv1.LabelServiceName]).String()
	}
}

func (m *mirror) write(ctx context.Context, service string) error {
	name, err := cache.ParseObjectName(service)
	if err != nil || name.Namespace == metav1.NamespaceDefault && name.Name == "kubernetes" {
		return err // the Service kubernetes, whose Endpoints the API server writes
	}
	client := m.plane.client.CoreV1().Endpoints(name.Namespace)
	if _, err := m.services.Services(name.Namespace).Get(name.Name); apierrors.IsNotFound(err) {
		if err := client.Delete(ctx, name.Name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			return err
		}
		return nil
	}
	slices, err := m.slices.EndpointSlices(name.Namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: name.Name}))
	if err != nil {
		return err
	}
	var subsets []corev1.EndpointSubset
	for _, slice := range slices {
		subsets = append(subsets, subset(slice))
	}
	before, err := client.Get(ctx, name.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = client.Create(ctx, &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Name: name.Name}, Subsets: subsets}, metav1.CreateOptions{})
		if apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return nil // the namespace is being deleted
		}
		return err
	}
	if err != nil || equality.Semantic.DeepEqual(before.Subsets, subsets) {
		return err
	}
	before.Subsets = subsets
	_, err = client.Update(ctx, before, metav1.UpdateOptions{})
	return err
}

func subset(slice *discoveryv1.EndpointSlice) corev1.EndpointSubset {
	var s corev1.EndpointSubset
	for _, e := range slice.Endpoints {
		for _, ip := range e.Addresses {
			address := corev1.EndpointAddress{IP: ip, TargetRef: e.TargetRef}
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				s.Addresses = append(s.Addresses, address)
			} else {
				s.NotReadyAddresses = append(s.NotReadyAddresses, address)
			}
		}
	}
	for _, port := range slice.Ports {
		p := corev1.EndpointPort{Port: *port.Port}
		if port.Name != nil {
			p.Name = *port.Name
		}
		if port.Protocol != nil {
			p.Protocol = *port.Protocol
		}
		s.Ports = append(s.Ports, p)
	}
	return s
}
