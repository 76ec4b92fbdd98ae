//go:build controlplane

package controlplane

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// policiesVersion is the group and version of admission policies.
const policiesVersion = "admissionregistration.k8s.io/v1"

// serves reports whether the API server has a resource, or a subresource such as pods/resize, in a group and
// version: v1, apps/v1.
func serves(t *testing.T, groupVersion, resource string) bool {
	t.Helper()
	list, err := suite.client.Discovery().ServerResourcesForGroupVersion(groupVersion)
	if apierrors.IsNotFound(err) {
		return false
	}
	must(t, err)
	for _, r := range list.APIResources {
		if r.Name == resource {
			return true
		}
	}
	return false
}

// needsServed skips a test if the API server does not have a resource.
func needsServed(t *testing.T, groupVersion, resource string) {
	t.Helper()
	if !serves(t, groupVersion, resource) {
		t.Skipf("the API server does not serve %s of %s", resource, groupVersion)
	}
}
