// Package flood contains only tests, in which thousands of hostile sessions run
// at the same time as honest ones.
//
// There are three processes, so that the resources of each can be measured: the
// proxy, which is the real program; a hostile process with clients, backends
// and next hops; and the test, which runs the honest clients and the honest
// servers.
//
// go test runs a few hundred sessions of each kind. With -full there are ten
// thousand, and the times of honest sessions are compared with those before the
// flood; that takes about twenty minutes on two cores.
package flood
