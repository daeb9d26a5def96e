// Package measure reads from /proc what a tree of processes has used.
package measure
