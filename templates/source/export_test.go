package source

import "time"

// SetRescan lets a test wait less for the periodic reading.
func SetRescan(d *Directory, every time.Duration) { d.rescan = every }

// SetRecheck lets a test wait less for what becomes of a canary.
func SetRecheck(w *StatusWriter, every time.Duration) { w.recheck = every }

// SetAbsence lets a test wait less for kinds that the API server does not know yet.
func SetAbsence(r *Resources, every time.Duration) { r.absence = every }
