package webhook

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// allowed returns the response to a request that the injector does not handle.
func allowed(uid string) []byte {
	return append(beginResponse(nil, uid), `,"allowed":true}}`...)
}

// respond returns the AdmissionReview that answers with result. It is assembled by hand so that the patch,
// the only large part, is copied once. The returned slice is valid as long as b. An overload error is
// returned if there is no room for it.
func respond(b *buffers, uid string, result *inject.Result, audit []auditAnnotation) ([]byte, error) {
	size := result.PatchSize()
	if err := b.hold(size + base64.StdEncoding.EncodedLen(size)); err != nil {
		return nil, err
	}
	b.patch = result.AppendPatch(b.patch)
	patch := b.patch
	out := beginResponse(b.answer, uid)
	if result.Allowed() {
		out = append(out, `,"allowed":true`...)
		if len(patch) > 0 {
			out = append(out, `,"patchType":"JSONPatch","patch":"`...)
			out = base64.StdEncoding.AppendEncode(out, patch)
			out = append(out, '"')
		}
	} else {
		var err error
		if out, err = appendRefusal(out, result.Message(), &metav1.StatusDetails{Kind: "Pod", Causes: result.Causes()}); err != nil {
			return nil, err
		}
	}
	out = appendWarnings(out, result.Warnings)
	out = append(out, `,"auditAnnotations":{`...)
	for i, a := range audit {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, a.key), ':')
		out = appendString(out, a.value)
	}
	b.answer = append(out, `}}}`...)
	return b.answer, nil
}

// allowedWith returns a response that allows the request, with warnings if there are any.
func allowedWith(b *buffers, uid string, warnings []string) []byte {
	out := append(beginResponse(b.answer, uid), `,"allowed":true`...)
	b.answer = append(appendWarnings(out, warnings), `}}`...)
	return b.answer
}

// refusedWith returns a response that refuses the request, with warnings if there are any. kubectl prints the
// causes in details, other clients the message.
func refusedWith(b *buffers, uid, message string, details *metav1.StatusDetails, warnings []string) ([]byte, error) {
	out, err := appendRefusal(beginResponse(b.answer, uid), message, details)
	if err != nil {
		return nil, err
	}
	b.answer = append(appendWarnings(out, warnings), `}}`...)
	return b.answer, nil
}

func appendRefusal(out []byte, message string, details *metav1.StatusDetails) ([]byte, error) {
	status, err := json.Marshal(&metav1.Status{
		Status:  metav1.StatusFailure,
		Message: message,
		Reason:  metav1.StatusReasonInvalid,
		Code:    http.StatusUnprocessableEntity,
		Details: details,
	})
	if err != nil {
		return nil, fmt.Errorf("admission response: status: %w", err)
	}
	return append(append(out, `,"allowed":false,"status":`...), status...), nil
}

func appendWarnings(out []byte, warnings []string) []byte {
	if len(warnings) == 0 {
		return out
	}
	out = append(out, `,"warnings":[`...)
	for i, warning := range warnings {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(out, warning)
	}
	return append(out, ']')
}

func beginResponse(out []byte, uid string) []byte {
	out = append(out, `{"kind":"`+reviewKind+`","apiVersion":"`+reviewAPIVersion+`","response":{"uid":`...)
	return appendString(out, uid)
}

// appendString appends text as a JSON string. The error is ignored on purpose: it only reports that invalid
// UTF-8 was replaced, which is acceptable.
func appendString(out []byte, text string) []byte {
	out, _ = jsontext.AppendQuote(out, text)
	return out
}
