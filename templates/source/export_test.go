package source

import "time"

// SetRescan lets a test wait less for the periodic reading.
func SetRescan(d *Directory, every time.Duration) { d.rescan = every }
