package playground

import (
	"path/filepath"
	"testing"
)

const verdict = `document.getElementById("verdict").textContent`

// ready opens the page and waits for its first answer.
func ready(t *testing.T, address string, v view) *tab {
	t.Helper()
	b := open(t, address, v)
	b.until(verdict + `.includes("injected")`)
	return b
}

func TestOpensWithTheGrafanaPodAndItsDiff(t *testing.T) {
	both(t, func(t *testing.T, address string) {
		b := ready(t, address, desk)
		b.until(`document.getElementById("panel-diff").textContent.includes("+      - name: grafana-sc-dashboard")`)
		b.screenshot("grafana-" + filepath.Base(t.Name()))
		b.quiet()
	})
}
