package config_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

func TestEverySettingReachesTheInjection(t *testing.T) {
	got, err := config.Parse("c.yaml", []byte(`
native: false
onUnknownTemplate: Ignore
ownNamespace: sidecars
cluster: {registry: registry.example.com, "odd key": ""}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &inject.Settings{
		ContainerMode:     true,
		OnUnknownTemplate: v1alpha1.Ignore,
		OwnNamespace:      "sidecars",
		Cluster:           map[string]string{"registry": "registry.example.com", "odd key": ""},
	}
	if diff := cmp.Diff(want, got.Settings()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsAbsentKeepsItsDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "{}", "cluster:\n", "native: true\n"} {
		got, err := config.Parse("c.yaml", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(config.Default(), got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	if got, err := config.Read(""); err != nil || !cmp.Equal(got, config.Default()) {
		t.Errorf("Read(\"\") = %v, %v; want the default", got, err)
	}
}

func TestFaultsNameTheirPlaceAllAtOnce(t *testing.T) {
	_, err := config.Parse("c.yaml", []byte(`native: sometimes
onUnknowTemplate: Fail
onUnknownTemplate: fail
ownNamespace: Not_A_Name
cluster:
  port: 5000
  list: [a]
---
native: true
`))
	want := []manifest.Error{
		{File: "c.yaml", Line: 1, Column: 9, Message: "native: want true or false"},
		{File: "c.yaml", Line: 2, Column: 1, Message: `unknown setting "onUnknowTemplate"`, Hint: "did you mean onUnknownTemplate?"},
		{File: "c.yaml", Line: 3, Column: 20, Message: "onUnknownTemplate: want Fail or Ignore"},
		{File: "c.yaml", Line: 4, Column: 15, Message: "ownNamespace: want the name of a namespace"},
		{File: "c.yaml", Line: 6, Column: 9, Message: "cluster.port: want a string", Hint: "put the value in quotes"},
		{File: "c.yaml", Line: 7, Column: 9, Message: "cluster.list: want a string", Hint: "put the value in quotes"},
		{File: "c.yaml", Line: 9, Column: 1, Message: "want one document, this is another one"},
	}
	if diff := cmp.Diff(want, faults(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestTextThatIsNoConfigurationIsRefusedWithItsPlace(t *testing.T) {
	for name, text := range map[string]string{
		"a list":         "- native: true\n",
		"a duplicate":    "native: true\nnative: false\n",
		"broken YAML":    "native: [\n",
		"binary":         "\x00\x01\x02",
		"a word":         "native\n",
		"a null setting": "onUnknownTemplate:\n",
	} {
		_, err := config.Parse("c.yaml", []byte(text))
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		if fault := (*manifest.Error)(nil); !errors.As(err, &fault) || fault.Line == 0 {
			t.Errorf("%s: the error has no place: %v", name, err)
		}
	}
}

func TestUnreadableFileIsNamed(t *testing.T) {
	if _, err := config.Read(t.TempDir() + "/absent.yaml"); err == nil {
		t.Error("an absent file is accepted")
	}
}

func faults(t *testing.T, err error) []manifest.Error {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("not a list of faults: %v", err)
	}
	var all []manifest.Error
	for _, e := range joined.Unwrap() {
		fault := (*manifest.Error)(nil)
		if !errors.As(e, &fault) {
			t.Fatalf("%v has no place", e)
		}
		all = append(all, *fault)
	}
	return all
}
