// Package load makes the work that proxies are measured by: clients that log
// in, fetch, send and sit idle. It runs in a process of its own for each
// measurement, told by a Job and asked for a Result; control.go is how.
package load
