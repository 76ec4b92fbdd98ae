package monitoring

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// TestWhatIsExposedIsWhatIsUsedAndDocumented starts the program once for all checks.
func TestWhatIsExposedIsWhatIsUsedAndDocumented(t *testing.T) {
	ours := exposed(t)
	maps.Copy(ours, keeper(t))
	known := maps.Clone(ours)
	maps.Copy(known, apiServer(t))
	queries := dashboardQueries(t)
	for _, rule := range alertingRules(t) {
		queries["alert "+rule.Name()] = rule.Query().String()
	}

	t.Run("queries name metrics and labels that are exposed", func(t *testing.T) {
		for where, query := range queries {
			for _, fault := range unknownNames(t, query, known) {
				t.Errorf("%s: %s in %s", where, fault, query)
			}
		}
	})
	t.Run("every query of the dashboard finds something", func(t *testing.T) {
		found := evaluator(t, known)
		for where, query := range dashboardQueries(t) {
			if n := found(query); n == 0 {
				t.Errorf("%s: nothing for %s", where, query)
			}
		}
	})
	t.Run("docs say type and labels as they are", func(t *testing.T) {
		documented := documentedMetrics(t)
		for name, family := range ours {
			want, ok := documented[name]
			if !ok {
				group, _, _ := strings.Cut(name, "_")
				if _, ok := documented[group+"_*"]; !ok {
					t.Errorf("docs/metrics.md: %s is not there", name)
				}
				continue
			}
			got := metric{strings.ToLower(family.GetType().String()), strings.Join(labelsOf(family), ", ")}
			if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(metric{})); diff != "" {
				t.Errorf("%s (-docs +exposed):\n%s", name, diff)
			}
		}
	})
}

// metric is the documented type of a metric and its labels, sorted.
type metric struct{ kind, labels string }

// documentedMetrics reads the table of docs/metrics.md.
func documentedMetrics(t *testing.T) map[string]metric {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	must(t, err)
	code := regexp.MustCompile("`([^`]+)`")
	found := map[string]metric{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 {
			continue
		}
		var names []string
		for _, m := range code.FindAllStringSubmatch(cells[3], -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		for _, m := range code.FindAllStringSubmatch(cells[1], -1) {
			found[m[1]] = metric{strings.TrimSpace(cells[2]), strings.Join(names, ", ")}
		}
	}
	return found
}

// labelsOf gives the sorted names of a metric's labels.
func labelsOf(family *dto.MetricFamily) []string {
	names := map[string]bool{}
	for _, m := range family.GetMetric() {
		for _, l := range m.GetLabel() {
			names[l.GetName()] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// unknownNames lists what a query asks for and nobody exposes.
func unknownNames(t *testing.T, query string, known map[string]*dto.MetricFamily) []string {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	must(t, err)
	var faults []string
	used := map[string]bool{"job": true, "instance": true, "le": true} // the scrape adds the first two
	var grouped []string
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			family := known[n.Name]
			for _, part := range []string{"_bucket", "_count", "_sum"} {
				if base, ok := strings.CutSuffix(n.Name, part); ok && family == nil && known[base].GetType() == dto.MetricType_HISTOGRAM {
					family = known[base]
				}
			}
			if family == nil {
				faults = append(faults, "no metric "+n.Name)
				return nil
			}
			has := labelsOf(family)
			for _, name := range has {
				used[name] = true
			}
			for _, m := range n.LabelMatchers {
				if m.Name != labels.MetricName && m.Name != "job" && !slices.Contains(has, m.Name) {
					faults = append(faults, n.Name+" has no label "+m.Name)
				}
			}
		case *parser.AggregateExpr:
			grouped = append(grouped, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				grouped = append(grouped, n.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	for _, name := range grouped {
		if !used[name] {
			faults = append(faults, "no metric of it has the label "+name)
		}
	}
	return faults
}

// evaluator lets an hour pass in which all that counts has counted on, and gives a
// function that says how many series a query has then.
func evaluator(t *testing.T, known map[string]*dto.MetricFamily) func(query string) int {
	t.Helper()
	var load strings.Builder
	load.WriteString("load 1m\n")
	for name, family := range known {
		for _, m := range family.GetMetric() {
			set := map[string]string{"job": "injector", "instance": "10.0.0.1:9445"}
			for _, l := range m.GetLabel() {
				set[l.GetName()] = l.GetValue()
			}
			add := func(name, values string, also ...string) {
				of := maps.Clone(set)
				of[labels.MetricName] = name
				for i := 0; i < len(also); i += 2 {
					of[also[i]] = also[i+1]
				}
				fmt.Fprintf(&load, "  %s %s\n", labels.FromMap(of), values)
			}
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				add(name, fmt.Sprintf("0+%gx60", m.GetCounter().GetValue()))
			case dto.MetricType_HISTOGRAM:
				for _, b := range m.GetHistogram().GetBucket() {
					add(name+"_bucket", fmt.Sprintf("0+%dx60", b.GetCumulativeCount()), "le", fmt.Sprint(b.GetUpperBound()))
				}
				add(name+"_count", fmt.Sprintf("0+%dx60", m.GetHistogram().GetSampleCount()))
			case dto.MetricType_GAUGE:
				add(name, fmt.Sprintf("%gx60", m.GetGauge().GetValue()))
			}
		}
	}
	loader, err := promqltest.NewLazyLoader(load.String(), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	must(t, err)
	t.Cleanup(func() { _ = loader.Close() })
	now := time.Unix(3600, 0)
	loader.WithSamplesTill(now, func(err error) { must(t, err) })
	return func(query string) int {
		q, err := loader.QueryEngine().NewInstantQuery(t.Context(), loader.Queryable(), nil, query, now)
		must(t, err)
		defer q.Close()
		vector, err := q.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return len(vector)
	}
}
