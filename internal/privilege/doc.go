// Package privilege gives up root's rights, for a service that root starts
// without a service manager.
package privilege
