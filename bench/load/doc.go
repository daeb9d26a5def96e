//go:build linux

// Package load generates the load of the benchmarks: clients that log in, fetch,
// send and idle. Each measurement runs in its own process, which receives a Job
// and returns a Result; see control.go.
package load
