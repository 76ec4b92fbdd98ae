package webhook

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// review is the decoded part of an AdmissionReview. Its strings are copies; pod, object and oldObject point
// into the decoded body.
type review struct {
	uid         string
	operation   string
	namespace   string
	kind        groupVersionName
	resource    groupVersionName
	subResource string
	dryRun      bool
	// name is request.name: "" for a pod that only has generateName.
	name string

	// pod is request.object, nil if that is absent or null. podError is why it cannot be read as a pod; it
	// matters only if createsPod is true.
	pod      *inject.Pod
	podError error

	// object and oldObject are the raw members of the request, set only by decodeObjects; nil if absent or
	// null.
	object, oldObject []byte
}

// groupVersionName is a GroupVersionKind or a GroupVersionResource.
type groupVersionName struct{ group, version, name string }

const (
	reviewAPIVersion = "admission.k8s.io/v1"
	reviewKind       = "AdmissionReview"
)

// createsPod reports whether the request creates a pod; any other request is allowed unchanged.
func (r *review) createsPod() bool {
	return r.operation == "CREATE" && r.subResource == "" &&
		r.kind == groupVersionName{"", "v1", "Pod"} &&
		r.resource == groupVersionName{"", "v1", "pods"}
}

// podName returns the pod's metadata.name or, if that is empty, request.name.
func (r *review) podName() string {
	if name := r.pod.Name(); name != "" {
		return name
	}
	return r.name
}

// decodeReview decodes an AdmissionReview, and of the pod in it the metadata, in one pass. Unknown members
// are skipped; if a member occurs twice, the last one counts, as in encoding/json. Errors name the member
// that is at fault.
func decodeReview(body []byte) (*review, error) {
	return (&reviewDecoder{cursor: rawjson.New(body)}).whole()
}

// decodeObjects decodes an AdmissionReview of any kind of object, whose raw text it keeps.
func decodeObjects(body []byte) (*review, error) {
	return (&reviewDecoder{cursor: rawjson.New(body), raw: true}).whole()
}

type reviewDecoder struct {
	cursor *rawjson.Cursor
	// raw keeps the objects' raw text; otherwise request.object is read as a pod.
	raw bool

	review
	apiVersion, reviewKind string
	hasRequest             bool
}

func (d *reviewDecoder) whole() (*review, error) {
	if err := d.decode(); err != nil {
		return nil, malformed(err)
	}
	return &d.review, nil
}

// malformed returns the error of a review that cannot be read: its caller's mistake.
func malformed(err error) error {
	return &callError{http.StatusBadRequest, fmt.Errorf("admission review: %w", err)}
}

func (d *reviewDecoder) decode() error {
	if d.cursor.Kind() == 'n' {
		return errors.New("want an object, got null")
	}
	if err := d.cursor.Members(d.topMember); err != nil {
		return err
	}
	if err := d.cursor.End(); err != nil {
		return err
	}
	switch {
	case d.reviewKind != reviewKind || d.apiVersion != reviewAPIVersion:
		return fmt.Errorf("want apiVersion %s and kind %s, got %s and %s",
			reviewAPIVersion, reviewKind, message.Quote(d.apiVersion), message.Quote(d.reviewKind))
	case !d.hasRequest:
		return errors.New("request: missing")
	case d.uid == "":
		return errors.New("request.uid: missing")
	case d.namespace != "" && !templates.IsLabel(d.namespace):
		// It becomes part of the URL of a request to the API server.
		return fmt.Errorf("request.namespace: %s is no name of a namespace", message.Quote(d.namespace))
	case d.raw:
		return nil
	case d.createsPod() && d.podError != nil:
		return rawjson.Within("request", rawjson.Within("object", d.podError))
	case d.createsPod() && d.pod == nil:
		return errors.New("request.object: missing")
	case d.createsPod() && d.namespace == "":
		return errors.New("request.namespace: missing")
	}
	return nil
}

func (d *reviewDecoder) topMember(name []byte) (err error) {
	switch string(name) {
	case "apiVersion":
		d.apiVersion, err = d.cursor.String()
	case "kind":
		d.reviewKind, err = d.cursor.String()
	case "request":
		d.hasRequest = d.cursor.Kind() == '{'
		err = d.cursor.Members(d.requestMember)
	default:
		return d.cursor.Skip()
	}
	return err
}

func (d *reviewDecoder) requestMember(name []byte) (err error) {
	c := d.cursor
	switch string(name) {
	case "uid":
		d.uid, err = c.String()
	case "operation":
		d.operation, err = c.String()
	case "namespace":
		d.namespace, err = c.String()
	case "name":
		d.name, err = c.String()
	case "subResource":
		d.subResource, err = c.String()
	case "kind":
		d.kind, err = d.groupVersionName()
	case "resource":
		d.resource, err = d.groupVersionName()
	case "dryRun":
		d.dryRun, err = c.Bool()
	case "object":
		if d.raw {
			d.object, err = d.rawObject()
		} else {
			err = d.readPod()
		}
	case "oldObject":
		if !d.raw {
			return c.Skip()
		}
		d.oldObject, err = d.rawObject()
	default:
		return c.Skip()
	}
	return err
}

func (d *reviewDecoder) rawObject() ([]byte, error) {
	if null, err := d.cursor.Null(); null || err != nil {
		return nil, err
	}
	start := d.cursor.Offset()
	raw, err := d.cursor.Raw()
	if len(raw) > mostAtOnce {
		err = &rawjson.SyntaxError{Offset: start, Message: fmt.Sprintf("want at most %d bytes", mostAtOnce)}
	}
	return raw, err
}

// readPod reads request.object as a pod before it is known to be one, because the member "kind" may follow
// it. If that fails, the object is skipped and podError set.
func (d *reviewDecoder) readPod() error {
	start := *d.cursor
	d.pod, d.podError = inject.ReadPod(d.cursor)
	if d.podError == nil {
		return nil
	}
	*d.cursor = start
	return d.cursor.Skip()
}

func (d *reviewDecoder) groupVersionName() (g groupVersionName, err error) {
	err = d.cursor.Members(func(name []byte) (err error) {
		switch string(name) {
		case "group":
			g.group, err = d.cursor.String()
		case "version":
			g.version, err = d.cursor.String()
		case "kind", "resource":
			g.name, err = d.cursor.String()
		default:
			return d.cursor.Skip()
		}
		return err
	})
	return g, err
}
