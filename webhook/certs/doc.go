// Package certs creates, renews and distributes the certificates that the webhook serves.
//
// An Authority is a certificate authority; a Leaf is the serving certificate that it signs, kept in memory
// and renewed well before it expires. An injector without a cluster needs no more than these two. Files are
// certificates that another program provides.
//
// In a cluster, an Installation shares one authority among the replicas. It is stored in a Secret, which
// each replica watches, and each replica signs its own leaf. The API server trusts the caBundle of our
// webhook configurations, which each replica watches as well. One replica at a time, the holder of the
// lease, runs the Keeper, which writes both.
//
// Rotation loses no request because a replica serves a leaf of a new authority only when every one of those
// bundles has contained the new authority for some time, and because the Keeper adds an authority to a
// bundle long before it removes the old one. The replicas need no other coordination, so any state is
// repaired, whatever was deleted, emptied or overwritten.
package certs
