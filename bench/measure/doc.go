// Package measure reads from /proc the CPU time and memory of a tree of
// processes.
package measure
