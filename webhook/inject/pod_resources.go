package inject

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// amounts maps the name of a resource to its quantity.
type amounts map[string]resource.Quantity

// atLeast raises the amount of a resource to q if it is smaller or absent.
func (a amounts) atLeast(name string, q resource.Quantity) {
	if have, there := a[name]; !there || q.Cmp(have) > 0 {
		a[name] = q.DeepCopy()
	}
}

// resources holds the requests and limits of a container or a pod.
type resources struct{ requests, limits amounts }

// readResources reads the resources of a container or a spec. Values that are not quantities are ignored:
// the API server rejects them.
func readResources(raw []byte) resources {
	raw = rawjson.At(raw, []string{"resources"})
	return resources{requests: readAmounts(raw, "requests"), limits: readAmounts(raw, "limits")}
}

func readAmounts(raw []byte, list string) amounts {
	read := amounts{}
	c := rawjson.New(rawjson.At(raw, []string{list}))
	if c.Kind() != '{' {
		return read
	}
	// The object has been read before, so there is no error.
	_ = c.Members(func(name []byte) error {
		value, err := c.Raw()
		text := string(value)
		if s, ok := rawjson.Text(value); ok {
			text = s
		}
		delete(read, string(name)) // if a member occurs twice, the last one counts
		if q, bad := schema.ParseQuantity(text); bad == nil {
			read[string(name)] = q
		}
		return err
	})
	return read
}

// ofContainer returns a container's resources after the API server's defaults: the request of a resource
// with only a limit equals the limit.
func ofContainer(raw []byte) resources {
	r := readResources(raw)
	for name, limit := range r.limits {
		if _, requested := r.requests[name]; !requested {
			r.requests[name] = limit
		}
	}
	return r
}

// effective is what the containers of a pod need together. Native sidecars and regular containers run side
// by side and add up. A plain init container runs beside the sidecars that start before it, and ends before
// the next container starts, so it only raises the maximum.
type effective struct{ running, most resources }

func newEffective() *effective {
	empty := func() resources { return resources{amounts{}, amounts{}} }
	return &effective{empty(), empty()}
}

// add adds the next container in start order; stays is true if it keeps running.
func (e *effective) add(container resources, stays bool) {
	for _, list := range []struct{ added, running, most amounts }{
		{container.requests, e.running.requests, e.most.requests},
		{container.limits, e.running.limits, e.most.limits},
	} {
		for name, q := range list.added {
			now := q.DeepCopy()
			now.Add(list.running[name])
			if stays {
				list.running[name] = now
			}
			list.most.atLeast(name, now)
		}
	}
}

// podResources raises the pod-level resources by the amount by which the sidecars raise the effective sum
// of the containers, because the API server rejects a pod whose containers need more. Resources that the
// pod does not state stay unstated.
func (a *assembly) podResources(containers arranged) {
	if !a.job.pod.spec.Resources {
		return
	}
	own := readResources(a.job.pod.rawSpec)
	before, after := newEffective(), newEffective()
	spec := &a.job.pod.spec
	a.sum(before, after, spec.InitContainers, containers.init, false)
	largest := a.sum(before, after, spec.Containers, containers.regular, true)

	raised := resources{amounts{}, amounts{}}
	for name, q := range own.requests {
		raised.requests[name] = raise(q, before.most.requests[name], after.most.requests[name])
	}
	for name, q := range own.limits {
		raised.limits[name] = raise(q, before.most.limits[name], after.most.limits[name])
		// No container may have a larger limit, and the pod's request may not be above its limit.
		if most, there := largest[name]; there {
			raised.limits.atLeast(name, most)
		}
		requested := after.most.requests[name]
		if requested.Cmp(before.most.requests[name]) > 0 {
			if stated, there := raised.requests[name]; there {
				requested = stated
			}
			raised.limits.atLeast(name, requested)
		}
	}
	a.raise("requests", own.requests, raised.requests)
	a.raise("limits", own.limits, raised.limits)
}

func raise(q, before, after resource.Quantity) resource.Quantity {
	if after.Cmp(before) <= 0 {
		return q
	}
	q, more := q.DeepCopy(), after.DeepCopy()
	more.Sub(before)
	q.Add(more)
	return q
}

// sum adds one of the pod's lists of containers to before, and the same list with the injected containers
// to after. It returns the largest limits among the injected containers.
func (a *assembly) sum(before, after *effective, pod []containerView, list []standing, regular bool) amounts {
	largest := amounts{}
	add := func(view *containerView) {
		r := ofContainer(view.raw)
		stays := regular || view.RestartPolicy == "Always"
		before.add(r, stays)
		after.add(r, stays)
	}
	for _, s := range list {
		if s.added == nil {
			add(&pod[0])
			pod = pod[1:]
			continue
		}
		r := ofContainer(s.added.Raw)
		after.add(r, regular || s.added.Sidecar)
		for name, limit := range r.limits {
			largest.atLeast(name, limit)
		}
	}
	for i := range pod { // no container was injected into the list
		add(&pod[i])
	}
	return largest
}

// raise writes the amounts that grew, and notes that at the instances with a request for the resource.
func (a *assembly) raise(list string, own, raised amounts) {
	var grown []string
	for _, name := range slices.Sorted(maps.Keys(raised)) {
		from, to := own[name], raised[name]
		if to.Cmp(from) <= 0 {
			continue
		}
		a.add(a.path("/spec/resources/", list, "/", escape(name)), []byte(`"`+to.String()+`"`))
		grown = append(grown, name)
	}
	if len(grown) == 0 {
		return
	}
	for _, c := range a.accepted {
		requested := names{}
		for container := range containersOf(c.addition) {
			for name := range ofContainer(container.Raw).requests {
				requested[name] = true
			}
		}
		for _, name := range grown {
			if from, to := own[name], raised[name]; requested[name] {
				c.instance.Notes = append(c.instance.Notes,
					"spec.resources."+list+"["+name+"]: raised from "+from.String()+" to "+to.String()+", by what the sidecars change in the sum of the containers")
			}
		}
	}
}
