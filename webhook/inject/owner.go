package inject

import (
	"cmp"

	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// Owner is the controller that created a pod, as the pod names it. Admission sees the pod before it is
// validated, so the fields may be any text.
type Owner struct{ APIVersion, Kind, Name, UID string }

// Controller returns the owner reference that is the pod's controller. It is parsed at each call.
func (p *Pod) Controller() (Owner, bool) {
	if p.rawOwners == nil {
		return Owner{}, false
	}
	var found Owner
	var ok bool
	c := rawjson.New(p.rawOwners)
	// A reference of the wrong type counts as none: the API server rejects the pod.
	err := c.Items(func() error {
		var owner Owner
		controller := false
		err := c.Members(func(name []byte) (err error) {
			switch string(name) {
			case "apiVersion":
				owner.APIVersion, err = c.String()
			case "kind":
				owner.Kind, err = c.String()
			case "name":
				owner.Name, err = c.String()
			case "uid":
				owner.UID, err = c.String()
			case "controller":
				controller, err = c.Bool()
			default:
				return c.Skip()
			}
			return err
		})
		if controller && err == nil {
			found, ok = owner, true
		}
		return err
	})
	return found, ok && err == nil
}

// ServiceAccount returns the name of the service account that the pod runs as.
func (p *Pod) ServiceAccount() string {
	name, _ := rawjson.Text(p.rawSpec, "serviceAccountName")
	return cmp.Or(name, "default")
}
