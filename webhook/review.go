package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// review is what counts of an AdmissionReview. Its strings are copies; object
// points into the body that was decoded.
type review struct {
	uid         string
	operation   string
	namespace   string
	kind        groupVersionName
	resource    groupVersionName
	subResource string
	dryRun      bool

	// object is the JSON of request.object; nil when absent or null.
	object []byte
	// name and generateName are those of the object's metadata, for the log; of an
	// object without a name request.name is taken.
	name, generateName string
}

// groupVersionName is a GroupVersionKind or a GroupVersionResource.
type groupVersionName struct{ group, version, name string }

const (
	reviewAPIVersion = "admission.k8s.io/v1"
	reviewKind       = "AdmissionReview"
)

// createsPod says whether the request is one that the injector has an opinion on.
func (r *review) createsPod() bool {
	return r.operation == "CREATE" && r.subResource == "" &&
		r.kind == groupVersionName{"", "v1", "Pod"} &&
		r.resource == groupVersionName{"", "v1", "pods"}
}

// decodeReview reads an AdmissionReview in one pass and without decoding the pod
// in it. Members that do not count are skipped unread, though checked to be JSON;
// of a member given twice the last one counts, as in encoding/json. Its errors
// name the member that is at fault.
func decodeReview(body []byte) (*review, error) {
	d := reviewDecoder{
		body: body,
		dec:  jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)),
	}
	if err := d.decode(); err != nil {
		return nil, fmt.Errorf("admission review: %w", err)
	}
	return &d.review, nil
}

type reviewDecoder struct {
	body []byte
	dec  *jsontext.Decoder

	review
	apiVersion, reviewKind string
	requestName            string
	hasRequest             bool
}

func (d *reviewDecoder) decode() error {
	if err := d.members(d.topMember); err != nil {
		return err
	}
	if _, err := d.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows it at byte %d", d.dec.InputOffset())
	}
	switch {
	case d.reviewKind != reviewKind || d.apiVersion != reviewAPIVersion:
		return fmt.Errorf("want apiVersion %s and kind %s, got %s and %s",
			reviewAPIVersion, reviewKind, templates.Quote(d.apiVersion), templates.Quote(d.reviewKind))
	case !d.hasRequest:
		return errors.New("request: missing")
	case d.uid == "":
		return errors.New("request.uid: missing")
	case d.createsPod() && d.object == nil:
		return errors.New("request.object: missing")
	case d.createsPod() && d.namespace == "":
		return errors.New("request.namespace: missing")
	}
	if d.name == "" {
		d.name = d.requestName
	}
	return nil
}

func (d *reviewDecoder) topMember(name string) error {
	switch name {
	case "apiVersion":
		return d.text(&d.apiVersion)
	case "kind":
		return d.text(&d.reviewKind)
	case "request":
		if d.dec.PeekKind() == 'n' {
			return d.skip()
		}
		d.hasRequest = true
		return d.members(d.requestMember)
	}
	return d.skip()
}

func (d *reviewDecoder) requestMember(name string) error {
	switch name {
	case "uid":
		return d.text(&d.uid)
	case "operation":
		return d.text(&d.operation)
	case "namespace":
		return d.text(&d.namespace)
	case "name":
		return d.text(&d.requestName)
	case "subResource":
		return d.text(&d.subResource)
	case "kind":
		return d.groupVersionName(&d.kind)
	case "resource":
		return d.groupVersionName(&d.resource)
	case "dryRun":
		return d.flag(&d.dryRun)
	case "object":
		return d.requestObject()
	}
	return d.skip()
}

func (d *reviewDecoder) groupVersionName(into *groupVersionName) error {
	return d.members(func(name string) error {
		switch name {
		case "group":
			return d.text(&into.group)
		case "version":
			return d.text(&into.version)
		case "kind", "resource":
			return d.text(&into.name)
		}
		return d.skip()
	})
}

// requestObject keeps the object's bytes and looks only for the names by which
// people know the pod.
func (d *reviewDecoder) requestObject() error {
	d.object = nil
	if d.dec.PeekKind() == 'n' {
		return d.skip()
	}
	before := d.dec.InputOffset() // ahead of the colon, which is no part of the object
	err := d.members(func(name string) error {
		if name == "metadata" && d.dec.PeekKind() == '{' {
			return d.members(d.metadataMember)
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	object := d.body[before:d.dec.InputOffset()]
	d.object = object[bytes.IndexByte(object, '{'):]
	return nil
}

// metadataMember leaves a wrong type alone: that is the pod author's fault, which the injection reports.
func (d *reviewDecoder) metadataMember(name string) error {
	if d.dec.PeekKind() == '"' {
		switch name {
		case "name":
			return d.text(&d.name)
		case "generateName":
			return d.text(&d.generateName)
		}
	}
	return d.skip()
}

// members calls each for every member of the object that comes next; each must
// consume the member's value.
func (d *reviewDecoder) members(each func(name string) error) error {
	token, err := d.dec.ReadToken()
	if err != nil {
		return malformed(err)
	}
	if token.Kind() != '{' {
		return d.mismatch("an object")
	}
	for d.dec.PeekKind() != '}' {
		name, err := d.dec.ReadToken()
		if err != nil {
			return malformed(err)
		}
		if err := each(name.String()); err != nil {
			return err
		}
	}
	_, err = d.dec.ReadToken()
	return err
}

// text reads a string; null is "".
func (d *reviewDecoder) text(into *string) error {
	token, err := d.dec.ReadToken()
	if err != nil {
		return malformed(err)
	}
	switch token.Kind() {
	case '"':
		*into = token.String()
	case 'n':
		*into = ""
	default:
		return d.mismatch("a string")
	}
	return nil
}

// flag reads true or false; null is false.
func (d *reviewDecoder) flag(into *bool) error {
	token, err := d.dec.ReadToken()
	if err != nil {
		return malformed(err)
	}
	switch token.Kind() {
	case 't', 'f':
		*into = token.Bool()
	case 'n':
		*into = false
	default:
		return d.mismatch("true or false")
	}
	return nil
}

func (d *reviewDecoder) skip() error {
	if err := d.dec.SkipValue(); err != nil {
		return malformed(err)
	}
	return nil
}

// mismatch reports that the token just read is of the wrong type.
func (d *reviewDecoder) mismatch(want string) error {
	place := strings.ReplaceAll(strings.TrimPrefix(string(d.dec.StackPointer()), "/"), "/", ".")
	if place == "" {
		return fmt.Errorf("want %s", want)
	}
	return fmt.Errorf("%s: want %s", place, want)
}

// malformed says what is wrong with the JSON and where, in few words.
func malformed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the body ends too early")
	}
	return fmt.Errorf("malformed JSON: %w", err)
}
