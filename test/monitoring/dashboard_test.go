package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// board is the part of a Grafana dashboard that the tests read.
type board struct {
	UID    string
	Panels []struct {
		ID                       int
		Type, Title, Description string
		GridPos                  struct{ H, W, X, Y int }
		Datasource               struct{ UID string }
		Targets                  []struct {
			Expr, LegendFormat string
			Datasource         struct{ UID string }
		}
	}
	Templating struct{ List []struct{ Name, Type string } }
}

func readBoard(t *testing.T) *board {
	t.Helper()
	files, err := filepath.Glob(chart + "/dashboard/*.json")
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("dashboards: %v", files)
	}
	data, err := os.ReadFile(files[0])
	must(t, err)
	var b board
	must(t, json.Unmarshal(data, &b))
	return &b
}

// dashboardQueries returns the panels' queries as Grafana sends them.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", "injector|other")
	queries := map[string]string{}
	for _, p := range readBoard(t).Panels {
		for i, target := range p.Targets {
			query := variables.Replace(target.Expr)
			if strings.Contains(query, "$") {
				t.Errorf("panel %q: unknown variable in %s", p.Title, query)
			}
			queries[fmt.Sprintf("panel %q, query %d", p.Title, i+1)] = query
		}
	}
	return queries
}

func TestTheDashboardHasEightPanelsSideBySide(t *testing.T) {
	b := readBoard(t)
	page, err := os.ReadFile("../../docs/metrics.md")
	must(t, err)
	if len(b.Panels) != 8 {
		t.Errorf("%d panels", len(b.Panels))
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range b.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q: id %d is taken", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q lacks something: %+v", p.Title, p)
		}
		if !strings.Contains(string(page), "\n| "+p.Title+" | ") {
			t.Errorf("panel %q is not in docs/metrics.md", p.Title)
		}
		for _, target := range p.Targets {
			if target.LegendFormat == "" || target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: %+v", p.Title, target)
			}
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("panel %q lies on %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q is too wide", p.Title)
		}
	}
	var variables []string
	for _, v := range b.Templating.List {
		variables = append(variables, v.Name)
	}
	if !slices.Equal(variables, []string{"datasource", "job"}) {
		t.Errorf("variables %v", variables)
	}
}
