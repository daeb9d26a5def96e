// Package flood holds the tests in which thousands of hostile sessions run beside
// honest ones. It has no code of its own.
//
// Three kinds of processes take part, so that each can be measured alone: the
// proxy, which is the real program; a hostile process for clients, backends and
// next hops; and the test, which runs the honest clients and the honest servers.
//
// go test runs a few hundred sessions of each kind. With -full there are ten
// thousand, and the times of honest sessions are compared with those before the
// flood; that takes about twenty minutes on two cores.
package flood
