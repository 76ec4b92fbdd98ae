package playground

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is the maximum time until a page reaches an expected state: the engine takes several seconds to
// start on an idle machine.
const patience = 90 * time.Second

// tab is a page in a browser of its own, so that tests share no state.
type tab struct {
	t   *testing.T
	ctx context.Context
	// console yields messages, exceptions and failed requests.
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

// view is the size and the settings with which a tab shows the page.
type view struct {
	width, height int
	dark          bool
}

var desk = view{width: 1280, height: 800}

// open starts a browser and opens an address in it.
func open(t *testing.T, address string, v view) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.WindowSize(v.width, v.height))
	if os.Geteuid() == 0 { // Chromium's sandbox does not work as root
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, console: chromedp.Console(ctx)}
	b.do(chromedp.EmulateViewport(int64(v.width), int64(v.height)))
	if v.dark {
		dark := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, dark); err != nil {
			t.Fatal(err)
		}
	}
	b.do(chromedp.Navigate(address))
	return b
}

// quiet fails the test if the console has any messages. It closes the tab.
func (b *tab) quiet() {
	b.t.Helper()
	b.eval(`console.debug("the end")`)
	for message, err := range b.console {
		must(b.t, err)
		if message.Text == "the end" {
			return
		}
		b.t.Errorf("the console was told: %s", message)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, actions...))
}

// get returns the value of a JavaScript expression, or the result of its promise.
func get[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// eval runs JavaScript.
func (b *tab) eval(script string) {
	b.t.Helper()
	get[any](b, "(() => {"+script+"})()")
}

// until waits for an expression to be true.
func (b *tab) until(expression string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		if get[bool](b, "Boolean("+expression+")") {
			return
		}
		if time.Now().After(deadline) {
			b.screenshot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
			b.quiet()
			b.t.Fatalf("not within %s: %s\nthe page says:\n%s", patience, expression, get[string](b, "document.body.innerText"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// shadow returns an expression for the shadow root that contains an editor.
func shadow(editor string) string {
	return fmt.Sprintf("document.getElementById(%q).shadowRoot", editor)
}

// content returns an expression for the editable part of an editor.
func content(editor string) string { return shadow(editor) + ".querySelector('.cm-content')" }

// text returns all of an editor's text; the DOM has only the visible part.
func (b *tab) text(editor string) string {
	b.t.Helper()
	return get[string](b, fmt.Sprintf(`import(new URL("codemirror.js", document.baseURI)).then((m) => m.EditorView.findFromDOM(%s).state.doc.toString())`, content(editor)))
}

// focus puts the cursor at the beginning of an editor.
func (b *tab) focus(editor string) {
	b.t.Helper()
	b.eval(content(editor) + ".focus()")
	b.do(chromedp.KeyEvent(kb.Home, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// keys types keys as a user would.
func (b *tab) keys(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// paste replaces all of an editor's text, as from the clipboard.
func (b *tab) paste(editor, text string) {
	b.t.Helper()
	b.focus(editor)
	b.do(chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	quoted, err := json.Marshal(text)
	must(b.t, err)
	b.eval(fmt.Sprintf(`
		const data = new DataTransfer();
		data.setData("text/plain", %s);
		%s.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
	`, quoted, content(editor)))
}

// screenshot saves an image of the page, for manual inspection.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	must(b.t, err)
	must(b.t, os.MkdirAll(*screenshots, 0o755))
	must(b.t, os.WriteFile(filepath.Join(*screenshots, name+".png"), picture, 0o644))
}
