package inject

import (
	"errors"
	"reflect"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// decodeSpec reads the spec. It is not called for a pod that requests nothing.
func (p *podView) decodeSpec() error {
	if p.rawSpec == nil {
		return nil
	}
	d := decoder{Cursor: rawjson.New(p.rawSpec).Group(), room: baseRoom + roomPerByte*len(p.rawSpec)}
	if err := d.spec(&p.spec); err != nil {
		return &MalformedPodError{Err: rawjson.Within("spec", err)}
	}
	if len(p.raw) > baseRoom && bytesPerObject*objectsWithMembers(p.raw) > len(p.raw) {
		return &MalformedPodError{Err: errors.New("it has more objects than a pod of its length can have")}
	}
	return nil
}

// bytesPerObject is the length of the shortest object with members that the API server writes, {"ip":""} and a
// comma. Each takes some 350 bytes where expressions read the pod as an object.
const bytesPerObject = 10

// objectsWithMembers returns the number of objects in JSON text that are not empty.
func objectsWithMembers(text []byte) int {
	n := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{':
			if i+1 < len(text) && text[i+1] != '}' {
				n++
			}
		}
	}
	return n
}

// Bounds of the memory that a spec's lists take, in bytes: otherwise containers of nothing, {}, would take
// eighty times as much as their text. The shortest items that the API server writes, {} as a toleration, take
// eight times as much; containers of nothing but a name and an image of one letter each take ten times.
const (
	baseRoom    = 64 << 10
	roomPerByte = 10
)

// decoder reads a spec. The lists of all containers are slices of common arrays, to save allocations: most
// are short, and a pod with dozens of containers has hundreds of them.
type decoder struct {
	*rawjson.Cursor
	room    int // bytes that items may still take
	ports   []templates.Port
	mounts  []mountView
	devices []deviceView
	raws    []rawValue
}

func (d *decoder) spec(s *specView) error {
	var seen once
	return d.Members(func(name []byte) (err error) {
		if err := seen.member(d.Cursor, name, "initContainers", "containers", "volumes", "imagePullSecrets", "hostAliases", "tolerations", "dnsConfig",
			"restartPolicy", "hostNetwork", "hostPID", "shareProcessNamespace", "terminationGracePeriodSeconds", "nodeSelector", "os", "securityContext", "resources"); err != nil {
			return err
		}
		switch string(name) {
		case "initContainers":
			err = items(d, &s.InitContainers, new([]containerView), d.container)
		case "containers":
			err = items(d, &s.Containers, new([]containerView), d.container)
		case "volumes":
			err = items(d, &s.Volumes, new([]volumeView), d.volume)
		case "imagePullSecrets":
			err = items(d, &s.ImagePullSecrets, &d.raws, d.rawItem)
		case "hostAliases":
			err = items(d, &s.HostAliases, &d.raws, d.rawItem)
		case "tolerations":
			err = items(d, &s.Tolerations, &d.raws, d.rawItem)
		case "dnsConfig":
			if d.Kind() == '{' {
				s.DNSConfig, err = d.Raw()
			} else {
				err = d.Skip()
			}
		case "restartPolicy":
			s.RestartPolicy, err = d.String()
		case "hostNetwork":
			s.HostNetwork, err = d.Bool()
		case "hostPID":
			s.HostPID, err = d.Bool()
		case "automountServiceAccountToken":
			s.MountsToken, err = optional(d, d.Bool)
		case "shareProcessNamespace":
			s.ShareProcessNamespace, err = optional(d, d.Bool)
		case "terminationGracePeriodSeconds":
			s.GracePeriod, err = optional(d, d.Int)
		case "nodeSelector":
			_, err = d.system(s, "kubernetes.io/os")
		case "os":
			s.OS, err = d.system(s, "name")
		case "securityContext":
			s.SecurityContext, err = optional(d, d.securityContext)
		case "resources":
			s.Resources, err = d.there()
		default:
			return d.Skip()
		}
		return err
	})
}

// items appends the items of a list to all, and sets into to that part of it: nil for null, else of the
// list's length.
func items[T any](d *decoder, into, all *[]T, item func(*T) error) error {
	*into = nil // if the member occurs twice, the last one counts
	if null, err := d.Null(); null || err != nil {
		return err
	}
	if *all == nil {
		*all = make([]T, 0, 4)
	}
	start, size := len(*all), int(reflect.TypeFor[T]().Size())
	err := d.Items(func() error {
		if d.room -= size; d.room < 0 {
			return &rawjson.SyntaxError{Offset: d.Offset(), Message: "the spec has more items than one of its length can have"}
		}
		var empty T
		*all = append(*all, empty)
		return item(&(*all)[len(*all)-1])
	})
	*into = (*all)[start:len(*all):len(*all)]
	return err
}

// optional reads a value that may be null.
func optional[T any](d *decoder, value func() (T, error)) (*T, error) {
	if null, err := d.Null(); null || err != nil {
		return nil, err
	}
	v, err := value()
	return &v, err
}

func (d *decoder) rawItem(v *rawValue) (err error) {
	*v, err = d.Raw()
	return err
}

func (d *decoder) integer(v *int64) (err error) {
	*v, err = d.Int()
	return err
}

// system reads a member that names the pod's operating system.
func (d *decoder) system(s *specView, key string) (value string, err error) {
	err = d.Members(func(name []byte) (err error) {
		if string(name) != key {
			return d.Skip()
		}
		value, err = d.String()
		s.Windows = s.Windows || value == "windows"
		return err
	})
	return value, err
}

func (d *decoder) securityContext() (v securityContextView, err error) {
	err = d.Members(func(name []byte) (err error) {
		switch string(name) {
		case "supplementalGroups":
			err = items(d, &v.SupplementalGroups, new([]int64), d.integer)
		case "fsGroup":
			v.FSGroup, err = optional(d, d.Int)
		case "runAsUser":
			v.RunAsUser, err = optional(d, d.Int)
		default:
			return d.Skip()
		}
		return err
	})
	return v, err
}

func (d *decoder) container(v *containerView) error {
	v.raw = d.Rest()
	start := d.Offset()
	err := d.Members(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			v.Name, err = d.String()
		case "restartPolicy":
			v.RestartPolicy, err = d.String()
		case "ports":
			err = items(d, &v.Ports, &d.ports, d.port)
		case "env":
			v.env, err = d.env()
		case "envFrom":
			err = items(d, &v.EnvFrom, &d.raws, d.rawItem)
		case "volumeMounts":
			err = items(d, &v.Mounts, &d.mounts, d.mount)
		case "volumeDevices":
			err = items(d, &v.Devices, &d.devices, d.device)
		case "livenessProbe":
			v.Liveness, err = d.there()
		case "readinessProbe":
			v.Readiness, err = d.there()
		case "startupProbe":
			v.Startup, err = d.there()
		case "securityContext":
			v.SecurityContext, err = optional(d, d.securityContext)
		case "lifecycle":
			v.Lifecycle, err = d.names()
		default:
			return d.Skip()
		}
		return err
	})
	v.raw = v.raw[:d.Offset()-start]
	return err
}

// there skips a value and reports whether it is not null.
func (d *decoder) there() (bool, error) {
	kind := d.Kind()
	return kind != 'n', d.Skip()
}

// names returns the names of an object's members that are not null; nil for null.
func (d *decoder) names() ([]string, error) {
	if null, err := d.Null(); null || err != nil {
		return nil, err
	}
	list := []string{}
	err := d.Members(func(name []byte) error {
		if d.Kind() != 'n' {
			list = append(list, string(name))
		}
		return d.Skip()
	})
	return list, err
}

func (d *decoder) mount(v *mountView) error {
	return d.Members(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			v.Name, err = d.String()
		case "mountPath":
			v.Path, err = d.String()
		case "subPath":
			v.SubPath, err = d.String()
		case "subPathExpr":
			v.SubPathExpr, err = d.String()
		case "readOnly":
			v.ReadOnly, err = d.Bool()
		default:
			return d.Skip()
		}
		return err
	})
}

func (d *decoder) device(v *deviceView) error {
	return d.Members(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			v.Name, err = d.String()
		case "devicePath":
			v.Path, err = d.String()
		default:
			return d.Skip()
		}
		return err
	})
}

func (d *decoder) volume(v *volumeView) error {
	v.raw = d.Rest()
	start := d.Offset()
	err := d.Members(func(name []byte) (err error) {
		if string(name) == "name" {
			v.Name, err = d.String()
			return err
		}
		there, err := d.there()
		v.readOnly, v.claim = v.readOnly || there && isReadOnly(string(name)), v.claim || there && isClaim(string(name))
		return err
	})
	v.raw = v.raw[:d.Offset()-start]
	return err
}

func (d *decoder) port(p *templates.Port) error {
	p.Protocol = "TCP"
	return d.Members(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			p.Name, err = d.String()
		case "containerPort":
			p.ContainerPort, err = d.Int()
		case "hostPort":
			p.HostPort, err = d.Int()
		case "hostIP":
			p.HostIP, err = d.String()
		case "protocol":
			var protocol string
			if protocol, err = d.String(); protocol != "" {
				p.Protocol = protocol
			}
		default:
			return d.Skip()
		}
		return err
	})
}

// env checks that the environment is a list of objects and returns its bytes; nil for null. A pod may have
// thousands of variables, and few templates need them.
func (d *decoder) env() (rawValue, error) {
	if null, err := d.Null(); null || err != nil {
		return nil, err
	}
	raw, start := d.Rest(), d.Offset()
	err := d.Items(func() error {
		return d.Members(func([]byte) error { return d.Skip() })
	})
	return raw[:d.Offset()-start], err
}
