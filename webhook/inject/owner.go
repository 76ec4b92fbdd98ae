package inject

import "github.com/sidecar-injector/sidecar-injector/webhook/rawjson"

// Owner is the controller that made a pod, as the pod names it: nobody has checked it yet.
type Owner struct{ APIVersion, Kind, Name, UID string }

// Controller is the owner of the pod that is its controller. It is read when somebody asks.
func (p *Pod) Controller() (Owner, bool) {
	references := rawjson.At(p.rawMetadata, []string{"ownerReferences"})
	if references == nil {
		return Owner{}, false
	}
	var found Owner
	var ok bool
	c := rawjson.New(references)
	// What is of the wrong type is for the API server to refuse: there is then no owner.
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

// ServiceAccount is the one that the pod runs as.
func (p *Pod) ServiceAccount() string {
	if raw := rawjson.At(p.rawSpec, []string{"serviceAccountName"}); raw != nil {
		if name, err := rawjson.New(raw).String(); err == nil && name != "" {
			return name
		}
	}
	return "default"
}
