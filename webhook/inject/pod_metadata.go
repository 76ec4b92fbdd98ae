package inject

import (
	"errors"

	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// rawValue is JSON text of the pod.
type rawValue = []byte

// parsePod reads raw as one pod. The error is a *MalformedPodError.
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

// ReadPod reads the pod at c; its spec is only skipped. It returns nil for null. The Pod points into the
// cursor's data. An error names the field and leaves the cursor at an unspecified position.
func ReadPod(c *rawjson.Cursor) (*Pod, error) {
	if null, err := c.Null(); null || err != nil {
		return nil, err
	}
	p := &Pod{raw: c.Rest()}
	start := c.Offset()
	var seen once
	err := c.Members(func(name []byte) (err error) {
		if err := seen.member(c, name, "metadata", "spec"); err != nil {
			return err
		}
		switch string(name) {
		case "metadata":
			p.hasMetadata = c.Kind() == '{'
			p.rawMetadata = c.Rest()
			start := c.Offset()
			err = p.readMetadata(c)
			p.rawMetadata = p.rawMetadata[:c.Offset()-start]
			return err
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

func (p *Pod) readMetadata(c *rawjson.Cursor) error {
	m := &p.metadata
	var seen once
	return c.Members(func(name []byte) (err error) {
		if err := seen.member(c, name, "name", "generateName", "labels", "annotations"); err != nil {
			return err
		}
		switch string(name) {
		case "name":
			m.Name, err = c.String()
		case "generateName":
			m.GenerateName, err = c.String()
		case "labels":
			m.Labels, err = texts(c)
		case "annotations":
			m.Annotations, err = texts(c)
		case "ownerReferences":
			p.rawOwners, err = c.Raw()
		default:
			return c.Skip()
		}
		return err
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
		if _, there := m[key]; there {
			return twice(c)
		}
		m[key], err = c.String()
		return err
	})
	return m, err
}

// once records which members of an object have been read. A member that occurs twice is an error, because
// readers differ on which one counts; the API server, which writes a pod's JSON from its own types, never
// writes one.
type once uint32

// member returns an error if name is one of members and has occurred before.
func (o *once) member(c *rawjson.Cursor, name []byte, members ...string) error {
	for i, m := range members {
		if string(name) != m {
			continue
		}
		if *o&(1<<i) != 0 {
			return twice(c)
		}
		*o |= 1 << i
	}
	return nil
}

func twice(c *rawjson.Cursor) error {
	return &rawjson.SyntaxError{Offset: c.Offset(), Message: "the member is there twice"}
}
