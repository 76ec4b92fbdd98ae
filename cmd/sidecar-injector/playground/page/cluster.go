package page

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
)

// Cluster is what the page shows of a cluster, by the rights of whoever serves it. It is read only.
type Cluster interface {
	// Name is what people call it.
	Name() string
	// Fleet says which workloads have which sidecars. From then on the templates of the cluster count.
	Fleet(ctx context.Context) (*Fleet, error)
	// Object is a pod or workload, named as kubectl names it, with its namespace.
	Object(ctx context.Context, namespace, name string) (*playground.Request, error)
}

// Fleet is how the sidecars of workloads stand.
type Fleet struct {
	Rows []*fleet.Row `json:"rows"`
	// Templates are those that count: the cluster's and the built-in ones.
	Templates []Template `json:"templates"`
	// Notes are what could not be read.
	Notes []string `json:"notes,omitempty"`
}

// Template is one that pods of the cluster can ask for.
type Template struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	// Source is where it comes from, Revision "" where it has faults, of which Fault is the first.
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"`
	Fault    string `json:"fault,omitempty"`
}

// maxRows is how many rows of a table the page shows: the worst, and the first templates.
const maxRows = 1000

func (h *Handler) fleet(w http.ResponseWriter, r *http.Request) {
	f, err := h.cluster.Fleet(r.Context())
	if err == nil {
		f.Rows = f.Rows[:min(len(f.Rows), maxRows)]
		f.Templates = f.Templates[:min(len(f.Templates), maxRows)]
	}
	reply(w, f, err)
}

func (h *Handler) object(w http.ResponseWriter, r *http.Request) {
	texts, err := h.cluster.Object(r.Context(), r.FormValue("namespace"), r.FormValue("name"))
	reply(w, texts, err)
}

// reply gives what the cluster said, or in a sentence why it said nothing.
func reply(w http.ResponseWriter, value any, err error) {
	var text []byte
	if err == nil {
		text, err = json.Marshal(value)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // a page that has gone reads nothing
}
