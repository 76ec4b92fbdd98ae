package fleet

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// LastReport returns when an event was last reported.
func LastReport(e *corev1.Event) time.Time {
	at := e.LastTimestamp.Time
	if e.EventTime.After(at) {
		at = e.EventTime.Time
	}
	if e.Series != nil && e.Series.LastObservedTime.After(at) {
		at = e.Series.LastObservedTime.Time
	}
	return at
}
