package playground

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

var pictures = flag.String("pictures", "../../dist/screenshots", "where the pictures of the documentation go; make pictures puts them into docs/images")

// TestPictures takes the screenshots of the page for the documentation, in light and dark mode.
func TestPictures(t *testing.T) {
	for name, dark := range map[string]bool{"playground": false, "playground-dark": true} {
		b := ready(t, addresses["static"], view{width: 1280, height: 720, dark: dark})
		b.until(`document.querySelectorAll(".code .added").length > 0`)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		must(t, err)
		must(t, os.MkdirAll(*pictures, 0o755))
		must(t, os.WriteFile(filepath.Join(*pictures, name+".png"), picture, 0o644))
		b.quiet()
	}
}
