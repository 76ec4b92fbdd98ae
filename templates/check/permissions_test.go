package check_test

import "testing"

func TestPermissionsAreWhole(t *testing.T) {
	rule := func(members string) string { return "app: {env: []}, permissions: [{" + members + "}]" }
	wantFindings(t, map[string][]string{
		rule("apiGroups: [''], resources: [pods]"):                                     {"spec.permissions[0]: verbs is missing [MissingField]"},
		rule("apiGroups: [''], resources: [], verbs: [get]"):                           {"spec.permissions[0].resources: the list is empty, so nothing is needed [BadValue]"},
		rule("apiGroups: [''], resources: [pods, ''], verbs: [get]"):                   {"spec.permissions[0].resources[1]: the text is empty [BadValue]"},
		rule("apiGroups: [''], resources: [pods], verbs: [get], namespaces: ['*', A]"): {`spec.permissions[0].namespaces[1]: "A" cannot name a namespace [BadName]`},
		rule("apiGroups: [''], resources: [pods], verbs: [get], namespaces: ['*', a]"): nil,
	})
}
