// Package cluster connects the instances of an installation through a store, which is
// a Valkey or Redis server, one with replicas and Sentinels, or a Valkey or Redis
// Cluster.
//
// The store is not trusted. Every value is encrypted and authenticated with a key that
// the instances have and the store does not; the key of a value in the store is a MAC of
// its name. A value that does not verify is ignored and counted. So the store can lose
// values or bring old ones back, but can neither read nor make one.
//
// Sessions never depend on the store. A command in the path of a session has a deadline
// of 50 ms. After the first failure the store counts as down, and no session asks it
// again until a check outside of sessions has succeeded. The callers decide what the
// values mean, and go on with their own knowledge while the store is down.
package cluster
