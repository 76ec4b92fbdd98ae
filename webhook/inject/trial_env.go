package inject

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// checkEnvironment plans the environment variables of an app container. The app's own value wins, unless
// the template asks to join its value to it.
func (t *trial) checkEnvironment(p *targetPlan, app *templates.AppParts) {
	start := len(t.items)
	for i := range app.Env {
		if t.ended() {
			return
		}
		switch e := &app.Env[i]; {
		case e.Joined():
			t.checkJoin(p, e)
		case !t.checkEnv(p.target, &e.Named):
		case e.First:
			p.firstEnv = append(p.firstEnv, &e.JSON)
		default:
			t.items = append(t.items, &e.JSON)
		}
	}
	p.env = t.items[start:len(t.items):len(t.items)]
}

func (t *trial) checkEnv(target target, e *templates.Named) bool {
	if target.view.hasEnv(e.Name) {
		if !t.notes.over() {
			t.note("%s: env %s: the app's own value wins", target.place(), message.Quote(e.Name))
		}
		return false
	}
	return t.claimItem(target, envItem, e.Name, e)
}

// checkJoin plans to join a value to the container's own or to another instance's. Which one is known only
// when all instances have been accepted.
func (t *trial) checkJoin(p *targetPlan, e *templates.EnvVariable) {
	own := p.view.variable(e.Name)
	if own.from {
		if !t.warnings.over() {
			t.warn("%s: env %s has a valueFrom, to which nothing can be joined: the pod's own wins", p.place(), message.Quote(e.Name))
		}
		return
	}
	if own.found && !t.notes.over() {
		t.note("%s: env %s is joined to the app's own value", p.place(), message.Quote(e.Name))
	}
	key := targetKey{target: t.pod().number(p.list, p.index), kind: joinItem, key: e.Name}
	length := len(own.value) + len(e.Raw)
	if before := t.claims.targets.find(key); before != nil {
		length += before.length
	}
	// The existing value is scanned for each value that is joined to it.
	if t.stopped(1+length/joinedBytes, "what it joins to variables") {
		return
	}
	t.claims.targets.add(targetClaim{targetKey: key, by: t.by(), item: &e.Named, length: length}, t.pod().count())
	t.grow(len(e.Raw) + len(e.Text) + 1)
	p.joins = append(p.joins, e)
}

// joinedBytes is how many bytes of a variable's value can be scanned for one unit of work.
const joinedBytes = 64

// ownVariable is a variable of a container of the pod.
type ownVariable struct {
	found bool
	at    int    // its index in the list
	value string // "" if it has a valueFrom
	from  bool   // it has a valueFrom, or a value that is not a string
}

// variable returns the container's variable of that name. If there are several, the last one takes effect
// and is returned.
func (v *containerView) variable(name string) ownVariable {
	if v.env == nil {
		return ownVariable{}
	}
	index := v.searched()
	if index.variables == nil {
		index.variables = map[string]int{}
		c := rawjson.New(v.env)
		// decode has read the same bytes without an error.
		_ = c.Items(func() error {
			raw, err := c.Raw()
			if name, ok := rawjson.Text(raw, "name"); ok {
				index.variables[name] = len(index.variableItems)
			}
			index.variableItems = append(index.variableItems, raw)
			return err
		})
	}
	at, found := index.variables[name]
	if !found {
		return ownVariable{}
	}
	own := ownVariable{found: true, at: at}
	raw := index.variableItems[at]
	value, from := rawjson.At(raw, []string{"value"}), rawjson.At(raw, []string{"valueFrom"})
	switch text, ok := rawjson.Text(value); {
	case ok:
		own.value = text
	case value != nil && string(value) != "null":
		own.from = true
	}
	if from != nil && string(from) != "null" {
		own.from, own.value = true, ""
	}
	return own
}
