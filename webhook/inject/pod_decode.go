package inject

import (
	"errors"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// rawValue is JSON as it stands in the pod.
type rawValue = []byte

// parsePod reads a pod that is the whole text.
func parsePod(raw []byte) (*Pod, error) {
	c := rawjson.New(raw)
	p, err := ReadPod(c)
	if err == nil {
		err = c.End()
	}
	if err == nil && p == nil {
		err = errors.New("want an object, got null")
	}
	if err != nil {
		return nil, &MalformedPodError{Err: err}
	}
	return p, nil
}

// ReadPod reads the pod that comes next, of its spec only where it ends. null
// gives nil. The Pod points into the cursor's data. An error names the field; the
// cursor then stands anywhere.
func ReadPod(c *rawjson.Cursor) (*Pod, error) {
	if null, err := c.Null(); null || err != nil {
		return nil, err
	}
	p := &Pod{raw: c.Rest()}
	start := c.Offset()
	err := c.Members(func(name []byte) (err error) {
		switch string(name) {
		case "metadata":
			p.hasMetadata = c.Kind() == '{'
			p.rawMetadata = c.Rest()
			start := c.Offset()
			err = p.readMetadata(c)
			p.rawMetadata = p.rawMetadata[:c.Offset()-start]
			return within("metadata", err)
		case "spec":
			p.rawSpec, err = c.Raw()
			return err
		}
		return c.Skip()
	})
	if err != nil {
		return nil, err
	}
	p.raw = p.raw[:c.Offset()-start]
	return p, nil
}

// within adds a field to the path that an error names.
func within(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

func (p *Pod) readMetadata(c *rawjson.Cursor) error {
	m := &p.metadata
	return c.Members(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			m.Name, err = c.String()
			return within("name", err)
		case "generateName":
			m.GenerateName, err = c.String()
			return within("generateName", err)
		case "labels":
			m.Labels, err = texts(c)
			return within("labels", err)
		case "annotations":
			m.Annotations, err = texts(c)
			return within("annotations", err)
		}
		return c.Skip()
	})
}

// texts reads an object of strings; nil for null.
func texts(c *rawjson.Cursor) (map[string]string, error) {
	if null, err := c.Null(); null || err != nil {
		return nil, err
	}
	m := map[string]string{}
	err := c.Members(func(name []byte) (err error) {
		key := string(name)
		m[key], err = c.String()
		return err
	})
	return m, err
}

// decodeSpec reads the rest; a pod that asks for nothing never gets here.
func (p *podView) decodeSpec() error {
	if p.rawSpec == nil {
		return nil
	}
	if err := p.spec.decode(rawjson.New(p.rawSpec)); err != nil {
		return &MalformedPodError{Err: within("spec", err)}
	}
	return nil
}

func (s *specView) decode(c *rawjson.Cursor) error {
	return c.Members(func(name []byte) (err error) {
		switch string(name) {
		case "initContainers":
			s.InitContainers, err = items(c, container)
		case "containers":
			s.Containers, err = items(c, container)
		case "volumes":
			s.Volumes, err = items(c, volume)
		case "imagePullSecrets":
			s.ImagePullSecrets, err = items(c, (*rawjson.Cursor).Raw)
		case "hostAliases":
			s.HostAliases, err = items(c, (*rawjson.Cursor).Raw)
		case "tolerations":
			s.Tolerations, err = items(c, (*rawjson.Cursor).Raw)
		case "dnsConfig":
			if c.Kind() == '{' {
				s.DNSConfig, err = c.Raw()
			} else {
				err = c.Skip()
			}
		case "restartPolicy":
			s.RestartPolicy, err = c.String()
		case "hostNetwork":
			s.HostNetwork, err = c.Bool()
		case "hostPID":
			s.HostPID, err = c.Bool()
		case "shareProcessNamespace":
			s.ShareProcessNamespace, err = optional(c, (*rawjson.Cursor).Bool)
		case "terminationGracePeriodSeconds":
			s.GracePeriod, err = optional(c, (*rawjson.Cursor).Int)
		case "nodeSelector":
			err = s.windows(c, "kubernetes.io/os")
		case "os":
			err = s.windows(c, "name")
		case "securityContext":
			s.SecurityContext, err = optional(c, securityContext)
		default:
			return c.Skip()
		}
		return within(string(name), err)
	})
}

// items reads a list: nil for null, else of the list's length.
func items[T any](c *rawjson.Cursor, item func(*rawjson.Cursor) (T, error)) ([]T, error) {
	if null, err := c.Null(); null || err != nil {
		return nil, err
	}
	list := make([]T, 0, 4) // most lists of a pod are short
	err := c.Items(func() error {
		v, err := item(c)
		if err != nil {
			return fmt.Errorf("[%d]: %w", len(list), err)
		}
		list = append(list, v)
		return nil
	})
	return list, err
}

// optional reads a value that may be null.
func optional[T any](c *rawjson.Cursor, value func(*rawjson.Cursor) (T, error)) (*T, error) {
	if null, err := c.Null(); null || err != nil {
		return nil, err
	}
	v, err := value(c)
	return &v, err
}

func (s *specView) windows(c *rawjson.Cursor, key string) error {
	return c.Members(func(name []byte) error {
		if string(name) != key {
			return c.Skip()
		}
		value, err := c.String()
		s.Windows = s.Windows || value == "windows"
		return err
	})
}

func securityContext(c *rawjson.Cursor) (v securityContextView, err error) {
	err = c.Members(func(name []byte) (err error) {
		switch string(name) {
		case "supplementalGroups":
			v.SupplementalGroups, err = items(c, (*rawjson.Cursor).Int)
		case "fsGroup":
			v.FSGroup, err = optional(c, (*rawjson.Cursor).Int)
		case "runAsUser":
			v.RunAsUser, err = optional(c, (*rawjson.Cursor).Int)
		default:
			return c.Skip()
		}
		return within(string(name), err)
	})
	return v, err
}

func container(c *rawjson.Cursor) (v containerView, err error) {
	there := func() (bool, error) { kind := c.Kind(); return kind != 'n', c.Skip() }
	v.raw = c.Rest()
	start := c.Offset()
	err = c.Members(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			v.Name, err = c.String()
		case "restartPolicy":
			v.RestartPolicy, err = c.String()
		case "ports":
			v.Ports, err = items(c, port)
		case "env":
			v.env, err = env(c)
		case "envFrom":
			v.EnvFrom, err = items(c, (*rawjson.Cursor).Raw)
		case "volumeMounts":
			v.Mounts, err = items(c, mount)
		case "volumeDevices":
			v.Devices, err = items(c, device)
		case "livenessProbe":
			v.Liveness, err = there()
		case "readinessProbe":
			v.Readiness, err = there()
		case "startupProbe":
			v.Startup, err = there()
		case "securityContext":
			v.SecurityContext, err = optional(c, securityContext)
		case "lifecycle":
			v.Lifecycle, err = names(c)
		default:
			return c.Skip()
		}
		return within(string(name), err)
	})
	v.raw = v.raw[:c.Offset()-start]
	return v, err
}

// names are the names of an object's members that are not null; nil for null.
func names(c *rawjson.Cursor) ([]string, error) {
	if null, err := c.Null(); null || err != nil {
		return nil, err
	}
	list := []string{}
	err := c.Members(func(name []byte) error {
		if c.Kind() != 'n' {
			list = append(list, string(name))
		}
		return c.Skip()
	})
	return list, err
}

func mount(c *rawjson.Cursor) (v mountView, err error) {
	err = c.Members(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			v.Name, err = c.String()
		case "mountPath":
			v.Path, err = c.String()
		case "subPath":
			v.SubPath, err = c.String()
		case "subPathExpr":
			v.SubPathExpr, err = c.String()
		case "readOnly":
			v.ReadOnly, err = c.Bool()
		default:
			return c.Skip()
		}
		return within(string(name), err)
	})
	return v, err
}

func device(c *rawjson.Cursor) (v deviceView, err error) {
	err = c.Members(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			v.Name, err = c.String()
		case "devicePath":
			v.Path, err = c.String()
		default:
			return c.Skip()
		}
		return within(string(name), err)
	})
	return v, err
}

func volume(c *rawjson.Cursor) (v volumeView, err error) {
	v.raw = c.Rest()
	start := c.Offset()
	err = c.Members(func(name []byte) (err error) {
		if string(name) != "name" {
			return c.Skip()
		}
		v.Name, err = c.String()
		return within("name", err)
	})
	v.raw = v.raw[:c.Offset()-start]
	return v, err
}

func port(c *rawjson.Cursor) (p templates.Port, err error) {
	p.Protocol = "TCP"
	err = c.Members(func(name []byte) (err error) {
		switch string(name) {
		case "name":
			p.Name, err = c.String()
		case "containerPort":
			p.ContainerPort, err = c.Int()
		case "hostPort":
			p.HostPort, err = c.Int()
		case "hostIP":
			p.HostIP, err = c.String()
		case "protocol":
			var protocol string
			if protocol, err = c.String(); protocol != "" {
				p.Protocol = protocol
			}
		default:
			return c.Skip()
		}
		return within(string(name), err)
	})
	return p, err
}

// env checks that environment variables are a list of objects and returns its
// bytes; nil for null. A pod may have thousands, and few templates ask.
func env(c *rawjson.Cursor) (rawValue, error) {
	if null, err := c.Null(); null || err != nil {
		return nil, err
	}
	raw, start := c.Rest(), c.Offset()
	err := c.Items(func() error {
		return c.Members(func([]byte) error { return c.Skip() })
	})
	return raw[:c.Offset()-start], err
}

// hasEnv reports whether the container has an environment variable of that name.
func (v *containerView) hasEnv(variable string) bool {
	if v.env == nil {
		return false
	}
	found := false
	c := rawjson.New(v.env)
	// decode has read the same bytes without an error.
	_ = c.Items(func() error {
		return c.Members(func(name []byte) error {
			if string(name) != "name" {
				return c.Skip()
			}
			text, err := c.Raw()
			found = found || rawjson.Is(text, variable)
			return err
		})
	})
	return found
}
