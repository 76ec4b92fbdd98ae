package playground

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const verdict = `document.getElementById("verdict").textContent`

// ready opens the page and waits for its first answer.
func ready(t *testing.T, address string, v view) *tab {
	t.Helper()
	b := open(t, address, v)
	b.until(verdict + `.includes("READY 3/3")`)
	return b
}

// how returns how the page is served, which is the last part of the running test's name.
func how(t *testing.T) string { return filepath.Base(t.Name()) }

// choose selects an example by its title, and waits for its result.
func (b *tab) choose(title string) {
	b.t.Helper()
	b.eval(fmt.Sprintf(`
		const select = document.getElementById("example");
		select.selectedIndex = [...select.options].findIndex((o) => o.text === %q);
		window.answered = performance.getEntriesByName("answer").length;
		select.dispatchEvent(new Event("change"));`, title))
	b.until(`performance.getEntriesByName("answer").length > window.answered`)
}

// click clicks the element of a selector.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func TestOpensWithTheGrafanaPodAndAllThatBecomesOfIt(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		b := ready(t, address, desk)
		for _, view := range []struct{ tab, want string }{
			{"diff", `document.getElementById("panel-diff").textContent.includes("+      - name: grafana-sc-dashboard")`},
			{"why", `document.getElementById("panel-why").textContent.includes("datasources.sidecar-injector.dev") || document.getElementById("panel-why").textContent.includes("grafana_datasource")`},
			{"steps", content("show-step") + `.textContent.includes("kind: Pod")`},
			{"values", `document.getElementById("panel-values").textContent.includes("params.reloadURL")`},
			{"patch", content("show-patch") + `.textContent.includes("\"op\": \"add\"")`},
		} {
			b.click("#tab-" + view.tab)
			b.until(view.want)
			b.screenshot(view.tab + "-" + how(t))
		}
		b.quiet()
	})
}

func TestEachInstanceHasItsPod(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		b := ready(t, address, desk)
		b.click("#tab-steps")
		b.until(`document.getElementById("step").length > 0`)
		if got := get[[]string](b, `[...document.getElementById("step").options].map((o) => o.text)`); !slices.Equal(got, []string{"as it came", "after dashboard", "after datasources"}) {
			t.Fatalf("steps %q", got)
		}
		for i, want := range [][2]bool{{false, false}, {true, false}, {true, true}} {
			b.eval(fmt.Sprintf(`const s = document.getElementById("step"); s.selectedIndex = %d; s.dispatchEvent(new Event("change"))`, i))
			// The editor's DOM has only the visible text.
			text := b.text("show-step")
			if got := [2]bool{strings.Contains(text, "grafana-sc-dashboard"), strings.Contains(text, "grafana-sc-datasources")}; got != want {
				t.Errorf("step %d has dashboard, datasources: %v, want %v", i, got, want)
			}
		}
		b.quiet()
	})
}

func TestTypingChangesTheResult(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		b := ready(t, address, desk)
		b.paste("edit-pod", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    sidecar-injector.dev/inject: log-collecto\n    log-collector.sidecar-injector.dev/logDir: /var/log\nspec:\n  containers:\n  - {name: web, image: nginx}\n")
		b.until(verdict + `.includes("REFUSED (UnknownTemplate)")`)
		b.until(`document.getElementById("panel-diff").textContent === "A refused pod is not changed."`)
		b.focus("edit-pod")
		for range 5 {
			b.keys(kb.ArrowDown)
		}
		b.keys(kb.End)
		b.keys("r")
		b.until(verdict + `.includes("READY 2/2")`)
		b.quiet()
	})
}

func TestAnErrorShowsAtItsPlace(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		b := ready(t, address, desk)
		b.choose("Refused: misspelt names")
		b.until(`document.querySelectorAll("#findings li").length >= 3`)
		b.until(shadow("edit-pod") + `.querySelectorAll(".cm-lintRange-error").length >= 3`)
		marked := get[[]string](b, `[...`+shadow("edit-pod")+`.querySelectorAll(".cm-lintRange-error")].map((m) => m.textContent)`)
		for _, want := range []string{"sidecar-injector.dev/inject", "health-check.sidecar-injector.dev/port", "health-check.sidecar-injector.dev/pth"} {
			if !slices.Contains(marked, want) {
				t.Errorf("%q is not marked; marked are %q", want, marked)
			}
		}
		b.screenshot("findings-" + how(t))

		b.choose("Refused: a template with faults")
		b.until(`document.querySelectorAll("#findings li").length >= 3`)
		b.click("#findings button")
		b.until(`document.getElementById("tab-templates").getAttribute("aria-selected") === "true"`)
		b.until(shadow("edit-templates") + `.querySelector(".cm-lintRange-error")`)
		marked = get[[]string](b, `[...`+shadow("edit-templates")+`.querySelectorAll(".cm-lintRange-error")].map((m) => m.textContent)`)
		for _, want := range []string{"nmae", "prot", "imge"} {
			if !slices.Contains(marked, want) {
				t.Errorf("%q is not marked; marked are %q", want, marked)
			}
		}
		b.screenshot("template-findings-" + how(t))
		b.quiet()
	})
}

// The parts of the page that show a result, without those in which the two ways of serving differ.
const output = `["verdict", "findings", "panel-diff", "panel-why", "panel-values"].map((id) => document.getElementById(id).textContent)`

func TestStaticAndServedAnswerAlike(t *testing.T) {
	static, served := ready(t, addresses["static"], desk), ready(t, addresses["served"], desk)
	titles := get[[]string](static, `[...document.getElementById("example").options].map((o) => o.text)`)
	if len(titles) < 10 {
		t.Fatalf("examples %q", titles)
	}
	static.click("#tab-steps")
	served.click("#tab-steps")
	for _, title := range titles {
		static.choose(title)
		served.choose(title)
		a, b := get[[]string](static, output), get[[]string](served, output)
		a, b = append(a, static.text("show-patch"), static.text("show-step")), append(b, served.text("show-patch"), served.text("show-step"))
		if !slices.Equal(a, b) {
			t.Errorf("%s: static\n%q\nserved\n%q", title, a, b)
		}
	}
	static.quiet()
	served.quiet()
}

func TestWorksWithTheNetworkOff(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir(*folder)))
	defer server.Close()
	b := ready(t, server.URL+"/", desk)
	server.Close() // every request of the page now fails, and is shown in the console
	b.choose("Web server: log collector")
	b.until(verdict + `.includes("READY 2/2")`)
	b.paste("edit-pod", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n")
	b.until(verdict + `.includes("READY 1/1")`)
	b.quiet()
}

func TestIsForNarrowScreensAndDarkRooms(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		for name, v := range map[string]view{"phone": {width: 360, height: 740}, "phone-dark": {width: 360, height: 740, dark: true}, "dark": {width: 1280, height: 800, dark: true}} {
			b := ready(t, address, v)
			for _, tab := range []string{"templates", "why", "steps", "values", "patch", "diff"} {
				b.click("#tab-" + tab)
				if width := get[int](b, "document.documentElement.scrollWidth"); width > v.width {
					t.Errorf("%s, %s: %d px wide, and the screen has %d", name, tab, width, v.width)
				}
				if tab == "why" || tab == "diff" {
					b.screenshot(name + "-" + tab + "-" + how(t))
				}
			}
			b.quiet()
		}
	})
}

// Every control can be reached with the Tab key, from the first to the last and out of the editors.
func TestWorksByKeyboard(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		b := ready(t, address, desk)
		b.eval(`document.body.focus()`)
		var reached []string
		for range 14 {
			b.keys(kb.Tab)
			reached = append(reached, get[string](b, `document.activeElement.id || document.activeElement.className`))
		}
		for _, want := range []string{"example", "share", "tab-pod", "edit-pod", "tab-diff"} {
			if !slices.Contains(reached, want) {
				t.Errorf("%s is not reached by Tab: %q", want, reached)
			}
		}
		b.eval(`document.getElementById("tab-diff").focus()`)
		b.keys(kb.ArrowRight)
		b.until(`!document.getElementById("panel-why").hidden && document.getElementById("panel-diff").hidden && document.activeElement.id === "tab-why"`)
		b.keys(kb.End)
		b.until(`!document.getElementById("panel-patch").hidden && document.activeElement.id === "tab-patch"`)
		b.quiet()
	})
}

// TestTypingIsAnsweredSoon reports how long an answer takes while the Grafana pod is edited. The duration
// depends on the machine, so the test does not check it.
func TestTypingIsAnsweredSoon(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		b := ready(t, address, desk)
		cold := get[float64](b, `performance.getEntriesByName("answer")[0].startTime + performance.getEntriesByName("answer")[0].duration`)
		b.focus("edit-pod")
		b.keys(kb.End)
		b.eval(`performance.clearMeasures("answer")`)
		const keys = 60
		for i := range keys {
			b.keys(string(rune('a' + i%26)))
			b.until(fmt.Sprintf(`performance.getEntriesByName("answer").length > %d`, i))
		}
		durations := get[[]float64](b, `performance.getEntriesByName("answer").map((m) => m.duration)`)
		slices.Sort(durations)
		t.Logf("%s: first answer after %.0f ms; while typing: median %.0f ms, p95 %.0f ms, of %d", how(t), cold, durations[len(durations)/2], durations[len(durations)*95/100], len(durations))
		if last := durations[len(durations)-1]; last > float64(10*time.Second/time.Millisecond) {
			t.Errorf("an answer took %.0f ms", last)
		}
		b.quiet()
	})
}
