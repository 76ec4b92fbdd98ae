package live

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// TestAnErrorOfTheAPIServerHasAMeaning has the cases that a test server does not give; the others are tested
// with the commands.
func TestAnErrorOfTheAPIServerHasAMeaning(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	sent := func(err error) error {
		return fmt.Errorf("pods: %w", &url.Error{Op: "Get", URL: "https://api", Err: err})
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"closed":               {sent(io.EOF), "the connection to the API server broke off"},
		"reset":                {sent(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), "the connection to the API server broke off"},
		"client certificate":   {sent(&net.OpError{Op: "remote error", Err: errors.New("tls: expired certificate")}), "the API server refuses the connection"},
		"proxy":                {sent(errors.New("Proxy Authentication Required")), "the API server could not be asked"},
		"several":              {fmt.Errorf("cluster: %w", utilerrors.NewAggregate([]error{apierrors.NewUnauthorized("no"), errors.New("two")})), "the API server does not know who asks"},
		"retry":                {apierrors.NewServerTimeout(pods, "list", 1), "the API server has not done in time what was asked"},
		"a permission":         {apierrors.NewForbidden(pods, "web", errors.New("no")), ""},
		"no such object":       {apierrors.NewNotFound(pods, "web"), ""},
		"something else":       {&net.OpError{Op: "listen", Err: syscall.EADDRINUSE}, ""},
		"a quota or a webhook": {apierrors.NewForbidden(pods, "web", errors.New("exceeded quota: small")), ""},
	} {
		if sentence, advice := Meaning(test.err); sentence != test.want || (advice == "") != (test.want == "") {
			t.Errorf("%s: %q, %q, want %q", name, sentence, advice, test.want)
		}
	}
}
