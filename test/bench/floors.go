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

// The floors: servers that do less than an injector has to, or the same the usual way.
const (
	echo  = "echo"               // TLS and HTTP alone: reads the body, answers fixed bytes
	typed = "typed"              // decodes review and pod, answers with a ready-made patch
	crt   = "controller-runtime" // decodes, changes, marshals, has the library find the difference
)

// floorPath is where the floors listen, and the injector too.
const floorPath = "/mutate"

// serveFloor serves one of the floors at address until a signal comes. Its authority's
// bundle goes to the file bundle.
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

// answer is a review that admits with a patch.
func answer(uid types.UID, patch []byte) ([]byte, error) {
	return json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Response: &admissionv1.AdmissionResponse{UID: uid, Allowed: true, Patch: patch, PatchType: new(admissionv1.PatchTypeJSONPatch)},
	})
}

// decodeTyped is the typed floor's work.
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

// serveHandler serves HTTPS with net/http as it comes.
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
			_, _ = w.Write(out) // a client that has gone misses it
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// typicalHandler is the handler of most webhooks that are made with controller-runtime.
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
