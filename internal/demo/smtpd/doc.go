// Package smtpd is the demo's two SMTP servers on go-smtp: the MX, which takes
// mail for its domain from anybody, and submission, which takes it from the
// user alone. Neither relays, and neither has TLS.
//
// Mail goes into the mailbox as it came, behind the lines of its delivery:
// Return-Path, Delivered-To for each recipient, Received.
package smtpd
