package check_test

import "testing"

func TestKeysOfTheInjectorAreItsOwn(t *testing.T) {
	wantFindings(t, map[string][]string{
		`pod: {metadata: {annotations: {sidecar-injector.dev/inject: x}}}`:                {`spec.pod.metadata.annotations[sidecar-injector.dev/inject]: key "sidecar-injector.dev/inject" belongs to sidecar-injector [ReservedKey]`},
		`pod: {metadata: {labels: {a.sidecar-injector.dev/b: x}}}`:                        {`spec.pod.metadata.labels[a.sidecar-injector.dev/b]: key "a.sidecar-injector.dev/b" belongs to sidecar-injector [ReservedKey]`},
		`pod: {metadata: {annotations: {"sidecar-injector.dev/config.${instance}": x}}}`:  nil,
		`pod: {metadata: {annotations: {"sidecar-injector.dev/config.b${instance}": x}}}`: {`spec.pod.metadata.annotations[sidecar-injector.dev/config.b${instance}]: key "sidecar-injector.dev/config.ba" belongs to sidecar-injector [BadValue]`},
		`pod: {metadata: {labels: {"sidecar-injector.dev/config.${instance}": x}}}`:       {`spec.pod.metadata.labels[sidecar-injector.dev/config.${instance}]: the configuration of a sidecar is an annotation, and this is a label [ReservedKey]`},
		`pod: {metadata: {labels: {"example.com/${instance}": x}}}`:                       nil,
		`pod: {metadata: {annotations: {not-sidecar-injector.dev/inject: x}}}`:            nil,
	})
}
