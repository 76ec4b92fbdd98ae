package inject

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// refusal is why the API server would refuse a container.
type refusal struct{ message, fix string }

// checkContainer finds what the API server would refuse in a container of a template into
// which a pod's fields have been merged. The template's own were checked when it was loaded.
func checkContainer(c templates.Object) []refusal {
	var found []refusal
	bad := func(fix, format string, args ...any) {
		found = append(found, refusal{fmt.Sprintf(format, args...), fix})
	}
	for _, wrong := range schema.Container().CheckJSON(c, nil) {
		bad(wrong.Hint, "%s", wrong.Error())
	}
	if strings.TrimSpace(c.Text("image")) != c.Text("image") || c.Text("image") == "" {
		bad("name an image", "image is %s", templates.Quote(c.Text("image")))
	}
	for _, choice := range []struct{ field, known string }{
		{"imagePullPolicy", "Always, IfNotPresent, Never"},
		{"terminationMessagePolicy", "File, FallbackToLogsOnError"},
	} {
		if value, ok := c.Get(choice.field); ok && value != "" && !oneOf(value, choice.known) {
			bad("one of "+choice.known, "%s is %s", choice.field, templates.Quote(text(value)))
		}
	}
	checkResources(c.Object("resources"), bad)
	for _, item := range c.List("env") {
		checkVariable(item, bad)
	}
	for _, item := range c.List("envFrom") {
		object, _ := item.(templates.Object)
		if n := len(object.Without("prefix")); n != 1 {
			bad("give it one of configMapRef, secretRef", "an item of envFrom has %d sources, not one", n)
		}
	}
	for _, field := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		if probe, ok := c.Get(field); ok {
			checkHandler(field, probe, bad)
		}
	}
	for _, hook := range []string{"postStart", "preStop"} {
		if handler, ok := c.Object("lifecycle").Get(hook); ok {
			checkHandler("lifecycle."+hook, handler, bad)
		}
	}
	for _, item := range c.List("volumeMounts") {
		mount, _ := item.(templates.Object)
		if mount.Text("name") == "" || mount.Text("subPath") != "" && mount.Text("subPathExpr") != "" {
			bad("give it a volume's name, and one of subPath, subPathExpr at most", "the mount at %s has no name, or two kinds of subPath", templates.Quote(mount.Text("mountPath")))
		}
	}
	for _, item := range c.List("ports") {
		port, _ := item.(templates.Object)
		for _, field := range []string{"containerPort", "hostPort"} {
			if n, ok := port.Get(field); ok && (field == "containerPort" || n != int64(0)) && !portOf(n) {
				bad("a port is a number from 1 to 65535", "%s is %s", field, text(n))
			}
		}
		if value, ok := port.Get("protocol"); ok && !oneOf(value, "TCP, UDP, SCTP") {
			bad("one of TCP, UDP, SCTP", "the protocol of a port is %s", templates.Quote(text(value)))
		}
	}
	return found
}

func portOf(value any) bool {
	n, ok := value.(int64)
	return ok && 1 <= n && n <= 65535
}

func oneOf(value any, known string) bool {
	name, ok := value.(string)
	for word := range strings.SplitSeq(known, ", ") {
		if ok && word == name {
			return true
		}
	}
	return false
}

// text is a scalar as it is written.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return string(templates.AppendJSON(nil, value))
}

// checkResources: no amount is negative, and no request above its limit.
func checkResources(resources templates.Object, bad func(fix, format string, args ...any)) {
	limits := resources.Object("limits")
	for _, list := range []string{"requests", "limits"} {
		for _, m := range resources.Object(list) {
			amount, err := schema.ParseQuantity(text(m.Value))
			if err != nil {
				continue // CheckJSON has found it
			}
			if amount.Sign() < 0 {
				bad("write an amount of zero or more", "resources.%s.%s is %s, less than zero", list, m.Name, templates.Quote(text(m.Value)))
				continue
			}
			limit, ok := limits.Get(m.Name)
			if list == "limits" || !ok {
				continue
			}
			if most, err := schema.ParseQuantity(text(limit)); err == nil && amount.Cmp(most) > 0 {
				bad("lower the request or raise the limit", "resources.requests.%s is %s, above the limit %s", m.Name, templates.Quote(text(m.Value)), templates.Quote(text(limit)))
			}
		}
	}
}

func checkVariable(item any, bad func(fix, format string, args ...any)) {
	variable, _ := item.(templates.Object)
	name := variable.Text("name")
	if wrong := validation.IsRelaxedEnvVarName(name); len(wrong) > 0 {
		bad(wrong[0], "%s cannot name a variable", templates.Quote(name))
	}
	from, both := variable.Get("valueFrom")
	if !both {
		return
	}
	if variable.Text("value") != "" {
		bad("keep one of them; a variable of the template that has the other keeps it", "variable %s has value and valueFrom", templates.Quote(name))
	}
	if sources, _ := from.(templates.Object); len(sources) != 1 {
		bad("keep one of them", "variable %s has %d sources in valueFrom, not one", templates.Quote(name), len(sources))
	}
}

// checkHandler: a probe or a hook does one thing.
func checkHandler(field string, value any, bad func(fix, format string, args ...any)) {
	object, _ := value.(templates.Object)
	n := 0
	for _, m := range object {
		switch m.Name {
		case "exec", "httpGet", "tcpSocket", "grpc", "sleep":
			n++
		}
	}
	if n != 1 {
		bad("an override is merged with the template's; it cannot replace one kind by another", "%s does %d things, not one", field, n)
	}
}
