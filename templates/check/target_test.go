package check_test

import "testing"

func TestWhatEachTargetGetsIsReadOfItself(t *testing.T) {
	const value = `env: [{name: A, value: "${app.name}"}]`
	finding := []string{"spec.app.env[0].value: app is the first target, and every target gets this [FirstTargetOnly]"}
	const both = `env: [{name: A, value: "${app.name}"}, {name: B, value: "${target.name}"}]`
	wantFindings(t, map[string][]string{
		`app: {containers: all, ` + value + `}`:                             finding,
		`app: {containers: "all, -proxy", ` + value + `}`:                   finding,
		`app: {containers: [web, worker], ` + value + `}`:                   finding,
		`app: {initContainers: true, ` + value + `}`:                        finding,
		`app: {sidecars: true, ` + value + `}`:                              finding,
		`app: {containers: first, ` + value + `}`:                           nil,
		`app: {containers: [web], ` + value + `}`:                           nil,
		`app: {` + value + `}`:                                              nil,
		`app: {containers: all, env: [{name: A, value: "x"}]}`:              nil,
		`app: {containers: all, env: [{name: A, value: "${target.name}"}]}`: nil,
		`app: {containers: all, env: [{$when: "${app.name == 'x'}", name: A, value: "x"}]}`: {
			"spec.app.env[0].$when: app is the first target, and every target gets this [FirstTargetOnly]"},
		`app: {containers: all, ` + both + `}`: nil,
		`variables: [{name: first, expression: app.name}], app: {containers: all, env: [{name: A, value: "${variables.first}"}]}`: nil,
	})
}
