package check_test

import "testing"

func TestPermissionsAreWhole(t *testing.T) {
	rule := func(members string) string { return "app: {env: []}, permissions: [{" + members + "}]" }
	wantFindings(t, map[string][]string{
		rule("apiGroups: [''], resources: [pods]"):                                                        {"spec.permissions[0]: verbs is missing [MissingField]"},
		rule("apiGroups: [''], resources: [], verbs: [get]"):                                              {"spec.permissions[0].resources: the list is empty, so nothing is needed [BadValue]"},
		rule("apiGroups: [''], resources: [pods, ''], verbs: [get]"):                                      {"spec.permissions[0].resources[1]: the text is empty [BadValue]"},
		rule("apiGroups: [''], resources: [pods], verbs: [get], namespaces: ['*', A]"):                    {`spec.permissions[0].namespaces[1]: "A" cannot name a namespace [BadName]`},
		rule("apiGroups: [''], resources: [pods], verbs: [get], namespaces: ['*', a]"):                    nil,
		rule("apiGroups: [v1], resources: [pods], verbs: [get]"):                                          {`spec.permissions[0].apiGroups[0]: "v1" is a version, and no group [BadValue]`},
		rule("apiGroups: [apps/v1], resources: [deployments], verbs: [get]"):                              {`spec.permissions[0].apiGroups[0]: "apps/v1" is a group with a version [BadValue]`},
		rule("apiGroups: ['*', apps, dapr.io], resources: ['*', pods/log, '*/scale'], verbs: ['*', use]"): nil,
		rule("apiGroups: [''], resources: [Secret], verbs: [GET]"): {
			`spec.permissions[0].resources[0]: "Secret" has capital letters, and no resource has [BadValue]`, `spec.permissions[0].verbs[0]: "GET" has capital letters, and no verb has [BadValue]`},
	})
}
