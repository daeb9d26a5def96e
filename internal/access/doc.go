// Package access decides which administrators may use the status page: those with a
// password or a client certificate. It also refuses actions that another site made
// an administrator's browser send.
//
// A password is sent with each request (HTTP Basic, RFC 7617): there are no cookies
// that could be stolen and no sessions that must expire, and monitors log in as
// browsers do. Wrong passwords count as failed logins of mail do.
package access
