package playground

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

const notice = `document.getElementById("notice").textContent`

func TestAShareLinkRestores(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		b := ready(t, address, desk)
		const pod = "# ünïcödé 🦔 <script>alert(1)</script>\napiVersion: v1\nkind: Pod\nmetadata:\n  name: shared\n  annotations: {sidecar-injector.dev/inject: nothing}\nspec:\n  containers:\n  - {name: web, image: nginx}\n"
		b.paste("edit-pod", pod)
		b.until(verdict + `.includes("REFUSED")`)
		b.click("#share")
		b.until(notice + `.includes("The link is")`)
		if temporary := get[bool](b, notice+`.includes("until the playground ends")`); temporary != (how(t) == "served") {
			t.Errorf("the page says %q", get[string](b, notice))
		}
		link := get[string](b, "location.href")
		b.quiet()

		other := open(t, link, desk)
		other.until(verdict + `.includes("REFUSED (UnknownTemplate)")`)
		if got := other.text("edit-pod"); got != pod {
			t.Errorf("restored %q, want %q", got, pod)
		}
		other.quiet()
	})
}

// packed returns a URL fragment in the page's format, with any content.
func packed(t *testing.T, content string) string {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	must(t, err)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	must(t, w.Close())
	return "#v1=" + base64.RawURLEncoding.EncodeToString(out.Bytes())
}

func TestALinkThatIsNoneGetsASentence(t *testing.T) {
	whole := packed(t, `{"pod":"apiVersion: v1","namespace":"","templates":""}`)
	links := map[string]struct{ fragment, sentence string }{
		"cut":              {whole[:len(whole)-9], "cut or damaged"},
		"no base64":        {"#v1=%%%", "cut or damaged"},
		"empty":            {"#v1=", "cut or damaged"},
		"script":           {"#<script>alert(1)</script>", "another version"},
		"image":            {"#v1=<img src=x onerror=alert(1)>", "cut or damaged"},
		"another version":  {"#v9=AAAA", "another version"},
		"no texts":         {packed(t, `{"pod":{"toString":"x"},"namespace":[],"templates":1}`), "something other"},
		"null":             {packed(t, `null`), "something other"},
		"prototype":        {packed(t, `{"__proto__":{"pod":"a","namespace":"","templates":""}}`), "something other"},
		"no UTF-8":         {packed(t, "{\"pod\":\"\xff\"}"), "cut or damaged"},
		"unpacks to much":  {packed(t, `{"pod":"`+strings.Repeat("a", 20<<20)+`","namespace":"","templates":""}`), "unpacks to more"},
		"longer than ours": {"#v1=" + strings.Repeat("A", 100_000), "longer than any"},
	}
	both(t, func(t *testing.T, address string) {
		b := open(t, address+links["cut"].fragment, desk)
		b.until(notice + `.includes("cut or damaged")`)
		b.until(verdict + `.includes("READY 3/3")`) // the page still works
		b.eval(`location.hash = ""`)                // setting an equal hash causes no event
		for name, of := range links {
			b.eval(fmt.Sprintf(`document.getElementById("notice").textContent = ""; location.hash = %q`, of.fragment))
			b.until(notice + ` !== ""`)
			if got := get[string](b, notice); !strings.Contains(got, of.sentence) {
				t.Errorf("%s: the page says %q, want %q", name, got, of.sentence)
			}
			if get[bool](b, `document.querySelector("img, #notice *, body > script") !== null`) {
				t.Errorf("%s: the link became markup", name)
			}
		}
		b.until(verdict + `.includes("READY 3/3")`)
		b.quiet()
	})
}

func TestALinkWithScriptStaysText(t *testing.T) {
	script := `<img src=x onerror=alert(1)><script>document.title="taken"</script>`
	link := packed(t, `{"pod":"apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"`+strings.ReplaceAll(script, `"`, ``)+`\"\n  annotations: {sidecar-injector.dev/inject: \"`+strings.ReplaceAll(script, `"`, ``)+`\"}\nspec: {containers: [{name: a, image: a}]}","namespace":"","templates":"`+strings.ReplaceAll(script, `"`, ``)+`"}`)
	both(t, func(t *testing.T, address string) {
		b := open(t, address+link, desk)
		b.until(verdict + `.includes("REFUSED")`)
		if get[bool](b, `document.querySelector("img, #output script") !== null || document.title === "taken"`) {
			t.Error("the link became markup")
		}
		b.screenshot("hostile-" + how(t))
		b.quiet()
	})
}
