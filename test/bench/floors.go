//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/sidecar-injector/sidecar-injector/webhook/certs"
)

// The floors are servers for comparison: they do less than an injector, or the same in the usual way.
const (
	echo  = "echo"               // TLS and HTTP only: reads the body, responds with fixed bytes
	typed = "typed"              // decodes review and pod, responds with a fixed patch
	crt   = "controller-runtime" // decodes, changes and marshals the pod; the library computes the patch
)

// floorPath is the URL path of the floors and of the injector.
const floorPath = "/mutate"

// serveFloor serves one of the floors at address until it receives a signal. The CA bundle is written to the
// file bundle.
func serveFloor(name, address, bundle string) error {
	leaf, err := newCertificate(bundle)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	patch, err := readyPatch()
	if err != nil {
		return err
	}
	switch name {
	case echo:
		fixed, err := answer("00000000-0000-0000-0000-000000000000", patch)
		if err != nil {
			return err
		}
		return serveHandler(ctx, address, leaf, func([]byte) ([]byte, error) { return fixed, nil })
	case typed:
		return serveHandler(ctx, address, leaf, func(received []byte) ([]byte, error) { return decodeTyped(received, patch) })
	case crt:
		return serveControllerRuntime(ctx, address, leaf)
	}
	return fmt.Errorf("floor %q: want %s, %s or %s", name, echo, typed, crt)
}

func newCertificate(bundle string) (*certs.Leaf, error) {
	authority, err := certs.NewAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	leaf, err := certs.NewLeaf(authority, []string{"127.0.0.1"}, time.Now)
	if err != nil {
		return nil, err
	}
	return leaf, os.WriteFile(bundle, authority.Bundle(), 0o600)
}

// answer returns a review that admits the pod with a patch.
func answer(uid types.UID, patch []byte) ([]byte, error) {
	return json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Response: &admissionv1.AdmissionResponse{UID: uid, Allowed: true, Patch: patch, PatchType: new(admissionv1.PatchTypeJSONPatch)},
	})
}

// decodeTyped handles a request of the typed floor.
func decodeTyped(received, patch []byte) ([]byte, error) {
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(received, &review); err != nil {
		return nil, err
	}
	if review.Request == nil {
		return nil, errors.New("review without a request")
	}
	var pod corev1.Pod
	if err := json.Unmarshal(review.Request.Object.Raw, &pod); err != nil {
		return nil, err
	}
	return answer(review.Request.UID, patch)
}

// serveHandler serves HTTPS with net/http's defaults.
func serveHandler(ctx context.Context, address string, leaf *certs.Leaf, handle func([]byte) ([]byte, error)) error {
	server := &http.Server{
		Addr:      address,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: leaf.GetCertificate},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			received, err := io.ReadAll(r.Body)
			var out []byte
			if err == nil {
				out, err = handle(received)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(out)))
			_, _ = w.Write(out) // a write error means that the client disconnected
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// typicalHandler is like the handlers of most webhooks that use controller-runtime.
type typicalHandler struct{ decoder admission.Decoder }

// Handle answers one review.
func (h *typicalHandler) Handle(_ context.Context, request admission.Request) admission.Response {
	var pod corev1.Pod
	if err := h.decoder.Decode(request, &pod); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	addCollector(&pod)
	changed, err := json.Marshal(&pod)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return admission.PatchResponseFromRaw(request.Object.Raw, changed)
}

func serveControllerRuntime(ctx context.Context, address string, leaf *certs.Leaf) error {
	ctrllog.SetLogger(logr.Discard())
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return err
	}
	server := webhook.NewServer(webhook.Options{Host: host, Port: port, TLSOpts: []func(*tls.Config){func(c *tls.Config) {
		c.NextProtos = []string{"http/1.1"}
		c.GetCertificate = leaf.GetCertificate
	}}})
	server.Register(floorPath, &admission.Webhook{Handler: &typicalHandler{decoder: admission.NewDecoder(scheme)}})
	return server.Start(ctx)
}
