//go:build linux

// Package peers starts each of the proxies that are measured: one file for
// each, with its configuration beside it as a template. All proxies use the
// same certificate, the same kind of backend and as many workers as there are
// CPUs, and none of them logs sessions.
package peers
