// Package web serves HTTP beside the mail protocols: the status page, the
// challenges of a CA, the policy of MTA-STS.
//
// Each answer is small and computed at once, so that only a client can be slow.
// Every wait for a client ends after a fixed time, each client has a share of
// the connections, and an idle connection is closed for a new one.
package web
