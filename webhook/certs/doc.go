// Package certs makes and keeps the certificates that the webhook serves.
//
// An Authority is a certificate authority; a Leaf is the serving certificate that it
// signs, in memory, made anew well before it expires. That is all an injector needs
// that has no cluster to write to. Files are certificates that somebody else makes.
//
// In a cluster, an Installation shares one authority among replicas. It is in a Secret;
// each replica watches that and signs its own leaf. The API server trusts what
// stands in the caBundle of our webhook configurations, which each replica
// watches, too. One replica at a time, the Keeper, writes both.
//
// The rule that makes rotation lose nothing: a replica serves a leaf of a new authority
// only when every one of those bundles has had the new authority for a while, and the
// Keeper adds to a bundle long before it takes away. Nobody has to agree on anything
// else, and so every state heals, whatever was deleted, emptied or filled with garbage.
package certs
