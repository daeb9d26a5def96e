// Package smtpd is the demo's two SMTP servers on go-smtp: the MX, which
// accepts mail for its domain from any client, and submission, which accepts
// mail only from the logged-in user. Neither relays, and neither has TLS.
//
// Messages are stored unchanged after the header lines of the delivery:
// Return-Path, Delivered-To for each recipient, Received.
package smtpd
