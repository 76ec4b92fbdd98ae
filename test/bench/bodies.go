//go:build linux

package main

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/test/bench/traffic"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// body is one admission review, as the API server posts it.
type body struct {
	name string
	json []byte
	// operations says whether an injector's patch must not be empty.
	operations bool
}

// asking returns a body for a pod with these annotations, given as name and value in turn.
func asking(name string, pod *corev1.Pod, annotations ...string) (body, error) {
	for i := 0; i < len(annotations); i += 2 {
		pod.Annotations[annotations[i]] = annotations[i+1]
	}
	raw, err := traffic.Review(pod)
	if err != nil {
		return body{}, fmt.Errorf("body %s: %w", name, err)
	}
	return body{name: name, json: raw, operations: len(annotations) > 0}, nil
}

// requests returns the annotation that requests templates.
func requests(templates string) []string { return []string{inject.RequestAnnotation, templates} }

// bodies returns all bodies that the rows send, by name.
func bodies() (map[string]body, error) {
	var six, sixBuiltIn []string
	var ask []string
	for i := range 6 {
		six = append(six, fmt.Sprintf("logs-%d=%s", i, traffic.Requested))
		instance := fmt.Sprintf("logs-%d", i)
		sixBuiltIn = append(sixBuiltIn, instance+"="+builtIn)
		ask = append(ask, instance+".sidecar-injector.dev/logDir", "/var/log/app-"+instance)
	}
	makers := map[string]func() *corev1.Pod{
		"small":           traffic.Small,
		"grafana":         traffic.Grafana,
		"large":           func() *corev1.Pod { return traffic.Crowded(30, 200) },
		"3,000 variables": func() *corev1.Pod { return traffic.Wordy(3000) },
		"30 containers":   func() *corev1.Pod { return traffic.Crowded(30, 0) },
	}
	all := map[string]body{}
	keep := func(b body, err error) error {
		all[b.name] = b
		return err
	}
	for name, pod := range makers {
		if err := keep(asking(name, pod(), requests(traffic.Requested)...)); err != nil {
			return nil, err
		}
		if err := keep(asking(name+builtInSuffix, pod(), requests(builtIn)...)); err != nil {
			return nil, err
		}
	}
	if err := keep(asking("grafana asking for nothing", traffic.Grafana())); err != nil {
		return nil, err
	}
	if err := keep(asking("six instances", traffic.Grafana(), requests(strings.Join(six, ", "))...)); err != nil {
		return nil, err
	}
	ask = append(ask, requests(strings.Join(sixBuiltIn, ", "))...)
	return all, keep(asking("six instances"+builtInSuffix, traffic.Grafana(), ask...))
}
