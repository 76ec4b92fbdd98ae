package live

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// anonymous is how the API server names, in its answers, a user who gave no credentials.
const anonymous = `User "system:anonymous"`

// Denied reports whether an error is due to a permission that the user lacks.
func Denied(err error) bool { return apierrors.IsForbidden(err) && !Unauthenticated(err) }

// Unauthenticated reports whether an error is due to the API server not knowing who asks, which no permission
// mends: the login has expired, or there was none.
func Unauthenticated(err error) bool {
	return apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err) && strings.Contains(err.Error(), anonymous)
}

// unserved reports whether an error says that the API server has no such API, in contrast to no such object.
// Its body is then a text, not a Status.
func unserved(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.IsUnexpectedServerError(err)
}

// absent reports whether an error says that an object does not exist.
func absent(err error) bool { return apierrors.IsNotFound(err) && !unserved(err) }

// again is the advice of what passes by itself.
const again = "run it again in a while"

// Meaning returns a sentence about why the API server did not do what was asked, and what the user can do
// about it. Both are "" for other errors, and for answers that say so themselves, such as that a permission
// lacks.
func Meaning(err error) (sentence, advice string) {
	if all := utilerrors.Aggregate(nil); errors.As(err, &all) && len(all.Errors()) > 0 {
		err = all.Errors()[0]
	}
	status, sent, foreign := apierrors.APIStatus(nil), (*url.Error)(nil), (*foreignError)(nil)
	switch {
	case errors.As(err, &status):
		return ofStatus(err, status.Status().Code)
	case errors.As(err, &foreign) && foreign.code >= http.StatusInternalServerError:
		return "a proxy or load balancer answers in place of the API server, which it cannot reach", again
	case errors.As(err, &foreign):
		return "something else answers in place of the API server, such as a proxy or a login page",
			"look at the kubeconfig's server, at HTTPS_PROXY and NO_PROXY, and whether the network wants a login"
	case errors.As(err, &sent):
		return ofConnection(sent)
	}
	return "", ""
}

// ofStatus is Meaning for a response of the API server with an HTTP status code.
func ofStatus(err error, code int32) (sentence, advice string) {
	switch {
	case Unauthenticated(err):
		return "the API server does not know who asks",
			"log in again, or mend the credentials of the kubeconfig's user; kubectl auth whoami shows as whom the API server knows you"
	case apierrors.IsForbidden(err) && apierrors.IsUnexpectedServerError(err):
		// Such as of discovery, whose errors have no text.
		return "the API server refuses what every user who is logged in may ask",
			"kubectl auth whoami shows as whom the API server knows you; the ClusterRole system:discovery gives the right"
	case unserved(err):
		return "what answers does not have the API that is asked for: it is not an API server of Kubernetes, or lacks a part of it",
			"look at the kubeconfig's server; kubectl version and kubectl api-versions show what it is"
	case apierrors.IsTooManyRequests(err):
		return "the API server takes no more requests for now", again
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return "the API server has not done in time what was asked", again
	case apierrors.IsServiceUnavailable(err), code == http.StatusBadGateway:
		return "the API server cannot answer for now", again + "; kubectl get --raw /readyz says whether it is up"
	case apierrors.IsInternalError(err), code >= http.StatusInternalServerError:
		return "the API server has failed", again + "; the log of the API server says why"
	}
	return "", ""
}

// ofConnection is Meaning for a request without a response.
func ofConnection(err *url.Error) (sentence, advice string) {
	const server = "look at the kubeconfig's server, and whether it can be reached from here"
	foreign, unnamed, operation := (*tls.CertificateVerificationError)(nil), (*net.DNSError)(nil), (*net.OpError)(nil)
	switch {
	case err.Timeout():
		return "the API server does not answer in time", server + "; --request-timeout 1m waits longer"
	case errors.As(err, &foreign):
		return "the certificate of what answers cannot be verified as that of the API server",
			"compare server and certificate-authority of the kubeconfig with the cluster's; a proxy may show a certificate of its own"
	case errors.As(err, &operation) && operation.Op == "remote error": // a TLS alert
		return "the API server refuses the connection", "the client certificate of the kubeconfig may have expired, or be of another cluster"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "no API server listens at its address", server
	case errors.As(err, &unnamed):
		return "the API server's name has no address", server
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection to the API server broke off", again + "; " + server
	}
	return "the API server could not be asked", server
}

// foreignError is a response that an API server never gives.
type foreignError struct {
	code    int
	content string
}

func (e *foreignError) Error() string { return fmt.Sprintf("HTTP %d with %s", e.code, e.content) }

// OnlyAPIServers returns a transport that returns an error for responses that an API server never gives: web
// pages, and a 403 that is only a text. To client-go they would be the API server's own, and a 403 a
// permission that lacks.
func OnlyAPIServers(next http.RoundTripper) http.RoundTripper { return onlyAPIServers{next} }

type onlyAPIServers struct{ next http.RoundTripper }

func (o onlyAPIServers) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := o.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	content, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	page := content == "text/html" && response.StatusCode != http.StatusUnauthorized
	if page || response.StatusCode == http.StatusForbidden && !strings.HasPrefix(content, "application/") {
		_ = response.Body.Close() // it is not read
		if content == "" {
			content = "no content"
		}
		return nil, &foreignError{response.StatusCode, content}
	}
	return response, nil
}
