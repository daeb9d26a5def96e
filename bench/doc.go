// Bench measures Letterlock beside the proxies that one would take instead, on
// the same work, in one run. `make bench` runs it; docs/performance.md says
// what it does and holds its last table.
//
// It starts each proxy in front of a backend of its own, lets a load generator
// of its own loose on it, and charges what the proxy's processes have used.
// Backends and generators are this program again, as processes that are not
// charged.
package main
