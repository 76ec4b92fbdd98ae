package fleet

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// pair returns a template and another one that is called other, and a pod that asks for both.
func pair(t *testing.T, tail, other string) (*templates.Set, string) {
	t.Helper()
	entries := load.Load(templates.SourceDirectory, "tail.yaml", []byte(tail))
	entries = append(entries, load.Load(templates.SourceDirectory, "other.yaml", []byte(strings.NewReplacer("name: tail}", "name: other}", "/var/log/app", "/var/log/other", "LOG_TARGET", "OTHER", "9000", "9001", "tailed", "othered", "scrape", "other").Replace(other)))...)
	return templates.NewSet(entries), strings.Replace(web, `"tail"`, `"tail,other"`, 1)
}

// TestASidecarIsJudgedBesideOneThatCannotBe: a template that cannot be read says nothing about the sidecars
// of others in the same pod; one that would have the pod refused blocks them all.
func TestASidecarIsJudgedBesideOneThatCannotBe(t *testing.T) {
	both, text := pair(t, tail, tail)
	pod := created(t, both, shop(), text, nil)
	raw, err := json.Marshal(pod)
	must(t, err)
	for name, test := range map[string]struct {
		tail, other string
		doubt       string
		want        [2]State
	}{
		"neither has changed":         {tail, "name: tale}", "cannot be read", [2]State{Current, Unknown}},
		"the other has changed":       {strings.Replace(tail, "tail:1", "tail:2", 1), "name: tale}", "cannot be read", [2]State{InPlace, Unknown}},
		"the unknown one has faults":  {strings.Replace(tail, "--level,", "--log,", 1), "imag", "has faults", [2]State{Restart, Unknown}},
		"it is known to be gone":      {strings.Replace(tail, "tail:1", "tail:2", 1), "name: tale}", "", [2]State{Blocked, Blocked}},
		"it is known to have a fault": {tail, "imag", "", [2]State{Blocked, Blocked}},
	} {
		t.Run(name, func(t *testing.T) {
			other := strings.Replace(tail, "name: tail}", test.other, 1)
			if test.other == "imag" {
				other = strings.Replace(tail, "image", "imag", 1)
			}
			set, _ := pair(t, test.tail, other)
			today := &Today{Set: set, Settings: config.Default().Settings(), Server: Server{Minor: 37, Resize: true}, Doubt: func(_, template string) Doubt {
				if template == "other" {
					return Doubt{Why: test.doubt}
				}
				return Doubt{}
			}}
			s, err := today.Judge(shop(), raw)
			must(t, err)
			for n, want := range test.want {
				if i := s.Instances[n]; i.State != want {
					t.Errorf("%s is %v, want %v: %s", i.Name, i.State, want, i.Why)
				}
			}
		})
	}
}

// TestInDoubtOnlyWhatDiffersIsUnknown: a sidecar that is just as what was read gives it stays current although
// something unread may decide, and nothing is changed for one that differs.
func TestInDoubtOnlyWhatDiffersIsUnknown(t *testing.T) {
	both, text := pair(t, tail, tail)
	raw, err := json.Marshal(created(t, both, shop(), text, nil))
	must(t, err)
	for name, c := range map[string]struct {
		from, to string
		want     State
	}{
		"nothing differs":       {"", "", Current},
		"another image":         {"tail:1", "tail:2", Unknown},
		"another argument":      {"--level,", "--log,", Unknown},
		"nothing but revisions": {"  parameters:\n", "  parameters:\n  - {name: unused, type: string, default: \"\"}\n", Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			set, _ := pair(t, strings.Replace(tail, c.from, c.to, 1), tail)
			today := &Today{Set: set, Settings: config.Default().Settings(), Server: Server{Minor: 37, Resize: true}, Doubt: func(string, string) Doubt {
				return Doubt{Why: "settings cannot be read", Always: true}
			}}
			s, err := today.Judge(shop(), raw)
			must(t, err)
			if s.Instances[0].State != c.want || s.Instances[1].State != Current || len(s.Changes()) > 0 {
				t.Errorf("%s is %v, want %v, and %s is %v; changes %v", s.Instances[0].Name, s.Instances[0].State, c.want, s.Instances[1].Name, s.Instances[1].State, s.Changes())
			}
			status, err := inject.ReadStatus(map[string]string{inject.StatusAnnotation: s.Status})
			if s.Status != "" && (err != nil || status["tail"].Revision != s.Instances[0].Revision) {
				t.Errorf("the status would become %s (%v)", s.Status, err)
			}
		})
	}
}
