package doctor

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Cause is why a call of the API server to a webhook failed.
type Cause string

// The causes.
const (
	CauseNone             Cause = ""
	CauseNoService        Cause = "no Service"
	CauseNoEndpoints      Cause = "no endpoints"
	CauseRefused          Cause = "connection refused"
	CauseUnreachable      Cause = "unreachable"
	CauseTimeout          Cause = "timeout"
	CauseName             Cause = "unknown host"
	CauseUnknownAuthority Cause = "unknown authority"
	CauseExpired          Cause = "certificate expired"
	CauseWrongName        Cause = "certificate for another name"
	CauseBadBundle        Cause = "unreadable CA bundle"
	CauseAnswer           Cause = "no answer that counts"
	CauseOther            Cause = "other"
)

// readCause derives the cause of a failed call from the API server's message. There is no structured form
// of it: the texts are those of Kubernetes 1.29 to 1.37 and of Go's net, crypto/tls and crypto/x509. An
// unknown message is CauseOther, and is shown in full.
func readCause(message string) Cause {
	for _, known := range []struct {
		text  string
		cause Cause
	}{
		{"no endpoints available for service", CauseNoEndpoints},
		{"no service port", CauseNoService},
		{"x509: certificate signed by unknown authority", CauseUnknownAuthority},
		{"x509: certificate has expired or is not yet valid", CauseExpired},
		{"x509: certificate is valid for", CauseWrongName},
		{"x509: cannot validate certificate for", CauseWrongName},
		{"x509: certificate is not valid for any names", CauseWrongName},
		{"unable to load root certificates", CauseBadBundle},
		{"tls: ", CauseUnknownAuthority},
		{"connection refused", CauseRefused},
		{"no route to host", CauseUnreachable},
		{"network is unreachable", CauseUnreachable},
		{"no such host", CauseName},
		{"context deadline exceeded", CauseTimeout},
		{"i/o timeout", CauseTimeout},
		{"Client.Timeout exceeded", CauseTimeout},
		{"TLS handshake timeout", CauseTimeout},
		{"an error on the server", CauseAnswer},
		{"the server is currently unable to handle the request", CauseAnswer},
		{"the server could not find the requested resource", CauseAnswer},
		{"expected webhook response", CauseAnswer},
		{"EOF", CauseAnswer},
		{"connection reset", CauseAnswer},
	} {
		if strings.Contains(message, known.text) {
			return known.cause
		}
	}
	if strings.Contains(message, "service ") && strings.Contains(message, "not found") {
		return CauseNoService
	}
	return CauseOther
}

// failedCall reports whether an error message is about a failed call of one of the injector's webhooks.
func failedCall(message string) bool {
	_, after, found := strings.Cut(message, "failed calling webhook ")
	if !found {
		return false
	}
	name, _, _ := strings.Cut(after, ":")
	return strings.HasSuffix(strings.Trim(name, `"`), "."+inject.Domain)
}

// guarded reports whether the guard of an installation refused a pod, which it does if the pod lacks its
// sidecars.
func guarded(message, installation string) bool {
	return strings.Contains(message, "ValidatingAdmissionPolicy '"+installation+"-guard' ")
}

// denial returns what the injector said when it refused a pod; ok is false if something else refused it.
func denial(message string) (string, bool) {
	before, text, found := strings.Cut(message, " denied the request: ")
	return text, found && strings.Contains(before, "."+inject.Domain)
}
