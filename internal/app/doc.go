// Package app creates a running proxy from a configuration: it resolves the
// configuration into listeners, policies, certificates and pools, reads the
// files that it names, replaces everything at a reload, and maintains what
// changes while the proxy runs. Commands and tests run the proxy through it.
package app
