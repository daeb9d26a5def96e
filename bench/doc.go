//go:build linux

// Bench compares Letterlock with other proxies that could be used instead: all
// do the same work in one run. `make bench` runs it; docs/performance.md
// describes the work and has the latest table.
//
// It starts each proxy with its own backend and load generator, and measures
// the CPU time and memory of the proxy's processes. Backends and generators are
// processes of this program, and are not measured.
package main
