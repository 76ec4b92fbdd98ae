package templates

// FindingReason says what kind of thing is wrong; the reasons are one closed list.
type FindingReason string

// FindingReasonInfo explains a reason: served by explain and the docs.
type FindingReasonInfo struct {
	Reason FindingReason
	// Text says what it means, Cause what usually leads to it, Fix what to do.
	Text, Cause, Fix string
}

// FindingReasons lists all reasons, sorted by name.
func FindingReasons() []FindingReasonInfo { return nil }
