package playground

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// costly is a template with an expression that exceeds the cost limit.
const costly = `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: costly}
spec:
  parameters: [{name: size, type: integer, default: 1}]
  pod:
    metadata:
      annotations:
        example.com/size: ${string(lists.range(params.size).map(i, lists.range(params.size)).size())}
`

const asksForCostly = `apiVersion: v1
kind: Pod
metadata:
  name: web
  annotations:
    sidecar-injector.dev/inject: costly
    costly.sidecar-injector.dev/size: "9000"
spec:
  containers: [{name: web, image: nginx}]
`

func TestTroubleIsASentence(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		b := ready(t, address, desk)
		b.click("#tab-templates")
		b.paste("edit-templates", costly)
		b.click("#tab-pod")
		b.paste("edit-pod", asksForCostly)
		b.until(verdict + `.includes("REFUSED")`)
		b.until(`document.getElementById("findings").textContent.includes("units of work")`)
		b.click("#tab-values")
		b.until(`document.getElementById("panel-values").textContent.includes("units of work")`)
		b.screenshot("cost-limit-" + how(t))

		b.paste("edit-pod", strings.Repeat("# nothing to see here\n", 5<<20/22))
		b.until(verdict + `.includes("shorten it")`)
		b.screenshot("large-" + how(t))
		b.paste("edit-pod", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n")
		b.until(verdict + `.includes("READY 1/1")`)
		b.quiet()
	})
}

func TestAServerThatHasEndedIsASentence(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	address, err := serve(ctx)
	must(t, err)
	b := ready(t, address, desk)
	cancel()
	b.paste("edit-pod", "apiVersion: v1\nkind: Pod\n")
	b.until(verdict + `.includes("has it ended?")`)
	b.until(`document.getElementById("panel-diff").textContent === "No pod, no diff."`)
}

// Browsers run no modules from a file.
func TestOpenedAsAFileItSaysSo(t *testing.T) {
	page, err := filepath.Abs(filepath.Join(*folder, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, "file://"+page, desk)
	b.until(verdict + `.includes("opened as a file it does not run")`)
}

// No API server listens where this kubeconfig says.
const nowhere = `{apiVersion: v1, kind: Config, current-context: nowhere, clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}],
contexts: [{name: nowhere, context: {cluster: c, user: u, namespace: shop}}], users: [{name: u, user: {}}]}
`

func TestAClusterThatIsGoneIsASentence(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(kubeconfig, []byte(nowhere), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	address, err := serve(ctx, "--kubeconfig", kubeconfig)
	must(t, err)
	b := ready(t, address, desk)
	b.click("#tab-cluster")
	b.until(`document.getElementById("cluster-says").textContent.includes("connection refused")`)
	b.eval(`document.getElementById("object-name").value = "deploy/web"`)
	b.click("#open-object button[type=submit]")
	b.until(`document.getElementById("cluster-says").textContent.includes("connection refused")`)
	b.screenshot("cluster-gone")
}
