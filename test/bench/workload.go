//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/sidecar-injector/sidecar-injector/test/bench/traffic"
)

// knownWorkload has the requests that the API server sends when one of a workload's pods is created.
type knownWorkload struct {
	first []byte // review
	// second is nil if the injector changed nothing. Otherwise the ServiceAccount plugin mounts its token
	// into the added containers, and the injector is called again.
	second []byte
	asks   int
}

// learn sends each workload's review once.
func learn(start func(name string) (*server, error), list []traffic.Workload) (known []knownWorkload, err error) {
	s, err := start("learning")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	c, err := dial(s)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for _, w := range list {
		review, err := traffic.Review(w.Pod)
		if err != nil {
			return nil, err
		}
		k := knownWorkload{first: review, asks: w.Asks}
		c.request = newRequest(s, review)
		if k.second, err = again(c, review); err != nil {
			return nil, fmt.Errorf("workload %s: %w", w.Pod.GenerateName, err)
		}
		known = append(known, k)
	}
	return known, nil
}

// again returns the review of the second call, nil if there is none.
func again(c *client, review []byte) ([]byte, error) {
	if err := c.post(); err != nil {
		return nil, err
	}
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(c.body, &answer); err != nil {
		return nil, err
	}
	if answer.Response == nil || !answer.Response.Allowed {
		return nil, fmt.Errorf("refused: %.300s", c.body)
	}
	if len(answer.Response.Patch) == 0 {
		return nil, nil
	}
	return traffic.Reinvoked(review, func(pod []byte) ([]byte, error) {
		patch, err := jsonpatch.DecodePatch(answer.Response.Patch)
		if err != nil {
			return nil, err
		}
		return patch.Apply(pod)
	})
}

// numbered writes the request into buffer, with the UID of the nth admission.
func numbered(buffer, request []byte, n int) []byte {
	buffer = append(buffer[:0], request...)
	if at := bytes.Index(buffer, []byte(traffic.UID)); at >= 0 {
		copy(buffer[at:], fmt.Sprintf("%08x", n))
	}
	return buffer
}
