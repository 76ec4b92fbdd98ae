package page

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/fleet"
	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
)

// Cluster gives the page read-only access to a cluster, with the permissions of the user who serves the
// page.
type Cluster interface {
	// Name returns the cluster's name for display.
	Name() string
	// Fleet returns the sidecars of the workloads. From then on the cluster's templates are in effect.
	Fleet(ctx context.Context) (*Fleet, error)
	// Object returns a pod or workload, named as in kubectl, with its namespace.
	Object(ctx context.Context, namespace, name string) (*playground.Request, error)
}

// Fleet is the state of the sidecars of workloads.
type Fleet struct {
	Rows []*fleet.Row `json:"rows"`
	// Templates are those in effect: the cluster's and the built-in ones.
	Templates []Template `json:"templates"`
	// Notes say what could not be read.
	Notes []string `json:"notes,omitempty"`
}

// Template is a template that pods of the cluster can request.
type Template struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	// Source is where it comes from. Revision is "" if it has faults; Fault is the first of them.
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"`
	Fault    string `json:"fault,omitempty"`
}

// maxRows is the largest number of rows in a table of the page.
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

// reply writes value as JSON, or err as text with status 502.
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
	_, _ = w.Write(text) // the client may have disconnected
}
