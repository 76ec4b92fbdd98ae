package requirement

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

const hugePages = "hugepages-"

// resources checks a container's resources: names, amounts, and how requests relate to limits.
func resources(c *checker, o object) {
	limits := amounts(o.Object.Object("limits"))
	for _, list := range []string{"requests", "limits"} {
		under := o.under(list)
		for _, m := range under.Object {
			at := under.at.Member(m.Name)
			if wrong := resourceName(m.Name); wrong != "" {
				c.bad(at, wrong, "%s is no resource of a container", message.Quote(m.Name))
				continue
			}
			amount, err := schema.ParseQuantity(scalar(m.Value))
			if err != nil {
				continue // the check of kinds reports it
			}
			whole := amount.DeepCopy()
			limit, limited := limits[m.Name]
			switch size, pages := strings.CutPrefix(m.Name, hugePages); {
			case amount.Sign() < 0:
				c.bad(at, "write an amount of zero or more", "%s is less than zero", message.Quote(scalar(m.Value)))
			case pages && !multiple(amount, size):
				c.bad(at, "write a multiple of "+size, "%s is no whole number of pages of %s", message.Quote(scalar(m.Value)), size)
			case extended(m.Name) && !whole.RoundUp(0):
				c.bad(at, "write a whole number", "%s is no whole number", message.Quote(scalar(m.Value)))
			case list == "limits":
			case limited && amount.Cmp(limit) > 0:
				c.bad(at, "lower the request or raise the limit", "request %s is above the limit %s", message.Quote(scalar(m.Value)), message.Quote(limit.String()))
			case !pages && !extended(m.Name):
			case !limited:
				c.bad(at, "set the limit alone", "what is requested of %s has to be its limit too", message.Quote(m.Name))
			case amount.Cmp(limit) != 0:
				c.bad(at, "set the limit alone", "request %s is not the limit %s", message.Quote(scalar(m.Value)), message.Quote(limit.String()))
			}
		}
	}
}

func amounts(list program.Object) map[string]resource.Quantity {
	all := make(map[string]resource.Quantity, len(list))
	for _, m := range list {
		if q, err := schema.ParseQuantity(scalar(m.Value)); err == nil {
			all[m.Name] = q
		}
	}
	return all
}

// resourceName returns the reason why a name is not valid for a container's resource; "" if it is.
func resourceName(name string) string {
	if wrong := validation.IsQualifiedName(name); len(wrong) > 0 {
		return wrong[0]
	}
	known := []string{"cpu", "memory", "ephemeral-storage"}
	switch size, pages := strings.CutPrefix(name, hugePages); {
	case slices.Contains(known, name) || strings.Contains(name, "/") && !strings.HasPrefix(name, "requests."):
		return ""
	case pages:
		if q, err := schema.ParseQuantity(size); err == nil && q.Sign() > 0 {
			return ""
		}
	}
	return message.DidYouMean(name, known, "want cpu, memory, ephemeral-storage, "+hugePages+"SIZE, or a name with a domain such as example.com/"+name)
}

// extended reports whether a resource is an extended one, provided by a device plugin, whose amounts are
// whole numbers.
func extended(name string) bool {
	domain, _, has := strings.Cut(name, "/")
	return has && domain != "kubernetes.io" && !strings.HasSuffix(domain, ".kubernetes.io")
}

func multiple(amount resource.Quantity, size string) bool {
	page, err := schema.ParseQuantity(size)
	return err == nil && page.Value() > 0 && amount.Value()%page.Value() == 0
}

// resourceField checks the name of a container's resource that an environment variable or file can hold.
func resourceField(text string) []string {
	for _, list := range []string{"limits.", "requests."} {
		if name, ok := strings.CutPrefix(text, list); ok && !strings.Contains(name, "/") && resourceName(name) == "" {
			return nil
		}
	}
	return []string{"write limits.cpu, requests.memory and the like"}
}

// divisor checks the divisor of a resource field; the valid ones depend on the resource.
func divisor(c *checker, o object) {
	value, ok := o.Get("divisor")
	if !ok {
		return
	}
	known := []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}
	if strings.HasSuffix(o.Text("resource"), ".cpu") {
		known = []string{"1", "1m"}
	}
	q, err := schema.ParseQuantity(scalar(value))
	if err == nil && !q.IsZero() && !slices.ContainsFunc(known, func(text string) bool { return q.Cmp(resource.MustParse(text)) == 0 }) {
		c.bad(o.at.Member("divisor"), "want one of "+strings.Join(known, ", "), "%s divides no %s", message.Quote(scalar(value)), message.Quote(o.Text("resource")))
	}
}

// scalar returns a string or number as text.
func scalar(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(program.AppendJSON(nil, v))
}
