// Package examples holds the workloads of this folder for the playground, so that what is read
// here, tested and tried there is one text.
package examples

import "embed"

// FS holds the workload of each folder.
//
//go:embed */deployment.yaml */statefulset.yaml */job.yaml
var FS embed.FS
