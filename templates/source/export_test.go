package source

import "time"

// SetRescan shortens the interval of the periodic read.
func SetRescan(d *Directory, every time.Duration) { d.rescan = every }

// SetRecheck shortens the interval at which the status of canaries is computed again.
func SetRecheck(w *StatusWriter, every time.Duration) { w.recheck = every }

// SetAbsence shortens the interval at which the API server is asked for kinds that it does not serve.
func SetAbsence(r *Resources, every time.Duration) { r.absence = every }
