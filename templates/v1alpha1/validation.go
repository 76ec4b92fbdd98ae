package v1alpha1

// Variable is an expression with a name, evaluated once an instance.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Variable struct {
	// Name by which expressions that come after it read it: variables.<name>.
	// +optional
	// +nullable
	Name string `json:"name"`
	// Expression in CEL, without ${}.
	// +optional
	// +nullable
	Expression string `json:"expression"`
}

// Validation is a demand on the pod, which is looked at before the instance is rendered.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Validation struct {
	// Expression in CEL, without ${}: true where the demand is met.
	// +optional
	// +nullable
	Expression string `json:"expression"`
	// Message is what the pod's author is told where it is not.
	// +optional
	// +nullable
	Message string `json:"message,omitempty"`
	// MessageExpression gives the message, in CEL; in place of Message.
	// +optional
	// +nullable
	MessageExpression string `json:"messageExpression,omitempty"`
	// Action is Deny, the default: the instance is at fault; or Warn.
	// +optional
	// +nullable
	Action ValidationAction `json:"action,omitempty"`
	// Parameter is the one at whose annotation it is told.
	// +optional
	// +nullable
	Parameter string `json:"parameter,omitempty"`
}

// ValidationAction is what follows from a demand that is not met.
type ValidationAction string

// The actions.
const (
	Deny ValidationAction = "Deny"
	Warn ValidationAction = "Warn"
)
