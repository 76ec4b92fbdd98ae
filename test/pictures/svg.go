package main

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// style has the colours of the light and the dark mode, which the reader's browser chooses. Each picture has
// its own background, because the surrounding page may have the other mode.
const style = `<style>
.ground { fill: #ffffff; stroke: #d0d7de }
.box { fill: #f6f8fa; stroke: #57606a }
.line { stroke: #57606a; fill: none }
.faintline { stroke: #afb8c1; fill: none }
.head { fill: #57606a }
text { fill: #1f2328 }
.faint { fill: #59636e }
.red { fill: #b3261e }
.green { fill: #116329 }
.yellow { fill: #7d4e00 }
.cyan { fill: #0a5a78 }
.over { stroke: #ffffff; stroke-width: 4px; paint-order: stroke }
.bold { font-weight: bold }
.mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
.sans { font-family: system-ui, "Segoe UI", Helvetica, Arial, "DejaVu Sans", sans-serif }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117; stroke: #3d444d }
.box { fill: #212830; stroke: #9198a1 }
.line { stroke: #9198a1 }
.faintline { stroke: #545d68 }
.head { fill: #9198a1 }
text { fill: #f0f6fc }
.over { stroke: #0d1117 }
.faint { fill: #9198a1 }
.red { fill: #ff8182 }
.green { fill: #57d364 }
.yellow { fill: #e3b341 }
.cyan { fill: #76d3ee }
}
</style>
`

// picture is an SVG that is being written.
type picture struct{ strings.Builder }

// add writes one line of markup.
func (p *picture) add(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// finish returns the complete SVG; title is the text for screen readers.
func (p *picture) finish(width, height int, title string) []byte {
	var out picture
	out.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`, width, height, width, height, escape(title))
	out.add(`<title>%s</title>`, escape(title))
	out.WriteString(style)
	out.add(`<rect class="ground" x="0.5" y="0.5" width="%d" height="%d" rx="8"/>`, width-1, height-1)
	out.WriteString(p.String())
	out.add("</svg>")
	return []byte(out.String())
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder never fails
	return b.String()
}
