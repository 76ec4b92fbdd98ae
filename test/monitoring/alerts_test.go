package monitoring

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"
)

const (
	chart     = "../../charts/sidecar-injector/files"
	ruleFiles = chart + "/rules/*.yaml"
)

// cases is a file of tests in the format of `promtool test rules`.
type cases struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []situation    `yaml:"tests"`
}

// situation is a sequence of samples over time.
type situation struct {
	Name        string         `yaml:"name"`
	Interval    model.Duration `yaml:"interval"`
	InputSeries []struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	} `yaml:"input_series"`
	Expectations []expectation `yaml:"alert_rule_test"`
}

// expectation has the alerts of one name that must fire at one time.
type expectation struct {
	Time   model.Duration `yaml:"eval_time"`
	Alert  string         `yaml:"alertname"`
	Alerts []struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	} `yaml:"exp_alerts"`
}

// firing is an alert as it is sent.
type firing struct{ Labels, Annotations string }

func TestAlertsFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	files, err := filepath.Glob("testdata/alerts/*.yaml")
	must(t, err)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			c := read(t, file)
			for _, s := range c.Tests {
				t.Run(s.Name, func(t *testing.T) { s.run(t, time.Duration(c.EvaluationInterval)) })
			}
		})
	}
}

func TestEveryAlertHasASituationInWhichItFiresAndOneInWhichItDoesNot(t *testing.T) {
	type seen struct{ fires, silent bool }
	tested := map[string]seen{}
	files, err := filepath.Glob("testdata/alerts/*.yaml")
	must(t, err)
	for _, file := range files {
		for _, s := range read(t, file).Tests {
			for _, e := range s.Expectations {
				of := tested[e.Alert]
				of.fires, of.silent = of.fires || len(e.Alerts) > 0, of.silent || len(e.Alerts) == 0
				tested[e.Alert] = of
			}
		}
	}
	want := map[string]seen{}
	for _, rule := range alertingRules(t) {
		want[rule.Name()] = seen{true, true}
	}
	if diff := gocmp.Diff(want, tested, gocmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("alerts (-rules +tests):\n%s", diff)
	}
}

// run evaluates all rules at every step, and checks the expectations at their times.
func (s *situation) run(t *testing.T, step time.Duration) {
	var load strings.Builder
	fmt.Fprintf(&load, "load %s\n", s.Interval)
	for _, series := range s.InputSeries {
		fmt.Fprintf(&load, "  %s %s\n", series.Series, series.Values)
	}
	loader, err := promqltest.NewLazyLoader(load.String(), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	must(t, err)
	defer loader.Close()
	groups := loadRules(t, &rules.ManagerOptions{
		QueryFunc:  rules.EngineQueryFunc(loader.QueryEngine(), loader.Storage()),
		Appendable: loader.Storage(),
		Context:    t.Context(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Logger:     promslog.NewNopLogger(),
		Parser:     parser.NewParser(parser.Options{}),
	})
	slices.SortStableFunc(s.Expectations, func(a, b expectation) int { return cmp.Compare(a.Time, b.Time) })
	now := time.Unix(0, 0).UTC()
	for _, e := range s.Expectations {
		for end := time.Unix(0, 0).UTC().Add(time.Duration(e.Time)); !now.After(end); now = now.Add(step) {
			loader.WithSamplesTill(now, func(err error) { must(t, err) })
			for _, group := range groups {
				group.Eval(t.Context(), now)
			}
		}
		var want, got []firing
		for _, a := range e.Alerts {
			sent := map[string]string{labels.AlertName: e.Alert}
			for name, value := range a.Labels {
				sent[name] = value
			}
			want = append(want, firing{labels.FromMap(sent).String(), labels.FromMap(a.Annotations).String()})
		}
		for _, rule := range alerts(groups) {
			must(t, rule.LastError())
			for _, a := range rule.ActiveAlerts() {
				if rule.Name() == e.Alert && a.State == rules.StateFiring {
					got = append(got, firing{a.Labels.String(), a.Annotations.String()})
				}
			}
		}
		for _, list := range [][]firing{want, got} {
			slices.SortFunc(list, func(a, b firing) int { return cmp.Compare(a.Labels, b.Labels) })
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s after %s (-want +fires):\n%s", e.Alert, e.Time, diff)
		}
	}
}

// loadRules reads the chart's rule files strictly.
func loadRules(t *testing.T, options *rules.ManagerOptions) map[string]*rules.Group {
	t.Helper()
	files, err := filepath.Glob(ruleFiles)
	must(t, err)
	if len(files) == 0 {
		t.Fatalf("no file is %s", ruleFiles)
	}
	groups, errs := rules.NewManager(options).LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, files...)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return groups
}

// alertingRules returns the chart's alerting rules, by name.
func alertingRules(t *testing.T) []*rules.AlertingRule {
	t.Helper()
	return alerts(loadRules(t, &rules.ManagerOptions{Logger: promslog.NewNopLogger(), Parser: parser.NewParser(parser.Options{})}))
}

func alerts(groups map[string]*rules.Group) []*rules.AlertingRule {
	var found []*rules.AlertingRule
	for _, group := range groups {
		for _, rule := range group.Rules() {
			if a, ok := rule.(*rules.AlertingRule); ok {
				found = append(found, a)
			}
		}
	}
	slices.SortFunc(found, func(a, b *rules.AlertingRule) int { return cmp.Compare(a.Name(), b.Name()) })
	return found
}

func read(t *testing.T, file string) *cases {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	var c cases
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return &c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
