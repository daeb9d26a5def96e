// Package upstream connects to backends, and knows which of them are up.
//
// A Pool is one backend with one or several addresses. It sorts the addresses
// into the order in which a client's session tries them, dials them, and keeps
// what sessions and health checks have learned about each.
package upstream
