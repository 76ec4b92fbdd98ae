package check_test

import (
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// TestShellKeepsParametersOutOfTheTextOfCommands has the members of a container in each row; the words come
// from the parameters s (any text), p (a path, never an option) and l (a list).
func TestShellKeepsParametersOutOfTheTextOfCommands(t *testing.T) {
	const parameters = `parameters: [{name: s, type: string}, {name: p, type: path, default: /x, pattern: "/.*"}, {name: l, type: "list<string>"}, {name: flag, type: boolean}], `
	rows := map[string][]string{
		"ShellInjection": {
			`command: [sh, -c, "ls ${params.s}"]`,
			`command: [/usr/bin/../bin/SH.exe, +x, -ec, "ls ${params.s}"]`,
			`command: [sh], args: ["-${params.flag ? 'c' : 'e'}", "ls ${params.s}"]`,
			`command: ["${native ? 'sh' : 'bash'}", -c, "ls ${params.s}"]`,
			`command: '${["sh"] + (params.flag ? ["/run.sh"] : ["-c"]) + [params.s]}'`,
			`command: '${params.flag ? ["true"] : ["sh", "-c"]}', args: ["ls ${params.s}"]`,
			`command: '${["sh", "-c", "ls " + params.s].filter(x, x != "")}'`,
			`command: '${params.l.map(x, "sh")}', args: [-c, "${params.s}"]`,
			`command: [sh, "${params.s.replace('x', '-c')}", "${params.p}"]`,
			`command: [sh, -c, '${"ls " + params.l.join(" ")}']`,
			`command: [sh, -c, "ls ${optional.ofNonZeroValue(params.s).orValue('x')}"]`,
			`command: [sh], args: "${params.l}"`,
			`command: [sh, "${params.s}", "${params.s}"]`,
			`command: [su, "-cls ${params.s}", nobody]`,
			`command: [runuser, nobody, --session-command, "ls ${params.s}"]`,
			`command: [sh, -c, "$(A)"], env: [{name: "${params.flag ? 'A' : 'B'}", value: "${params.s}"}]`,
			`command: [sh, -c, "$(A)"], env: [{name: A, value: x}, {name: A, value: "${params.s}"}]`,
			`command: [sh, -c, "$(B)"], env: [{name: A, value: "${params.s}"}, {name: B, value: "$$(A) $(A)"}]`,
			`command: [sh, -c, "ls $(A)"], env: [{$each: "${params.l}", name: A, value: "${each}"}]`,
			`command: [pwsh, -NoProfile, -File, run.ps1, "${params.s}"]`,
			`command: [timeout, "5", cmd, /c, run.bat, "%a%"], env: [{name: A, value: "${params.s}"}]`,
		},
		"": {
			`command: [sh, -c, "ls", --, "${params.s}", "${params.l[0]}"]`,
			`command: [sh, -c, "ls $$(A) $(B)"], env: [{name: A, value: "${params.s}"}]`,
			`command: '${["sh", "-c", "ls \"$@\"", "--"] + (params.flag ? [] : [params.s]) + params.l}'`,
			`command: [sh, "${params.p}", "${params.s}"]`,
			`command: [sh, /run.sh, -c, "${params.s}"]`,
			`command: [bash, -o, pipefail, /run.sh, "${params.s}"]`,
			`command: [sh, -c, "ls ${app.name} ${instance}", --, "${params.s}"]`,
			`command: [su, "${params.s}", -c, 'ls "$A"'], env: [{name: A, value: "${params.s}"}]`,
			`command: [powershell, -Command, 'dir $env:A'], env: [{name: A, value: "${params.s}"}]`,
			`command: [/app, -c, "${params.s}"]`,
			`command: [/app, "${params.s}"], env: [{name: A, value: sh}]`,
			`command: [sh, -c, "ls"], args: "${params.l}"`,
		},
	}
	for want, containers := range rows {
		for _, container := range containers {
			entry := loadSpec(t, "{"+parameters+"pod: {spec: {containers: [{name: c, image: i, "+container+"}]}}}")
			got := ""
			for _, f := range entry.Findings {
				if f.Reason == templates.ShellInjection {
					got = string(f.Reason)
				} else if f.Severity == templates.SeverityError && f.Reason != templates.BadName && f.Reason != templates.DuplicateName && f.Reason != templates.ExpressionFailed {
					t.Errorf("%s: %s", container, f)
				}
			}
			if got != want {
				t.Errorf("%s: got %q, want %q", container, got, want)
			}
		}
	}
}
