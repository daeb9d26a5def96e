// Package tlsreport collects the results of TLS with the servers of other domains, for
// the domains that ask for reports about them (RFC 8460). They go to tlsrpt-collectd
// (https://github.com/sys4/tlsrpt-reporter), as those of Postfix do, or to packages days
// and send, which keep and report them. It also reads the reports of others.
package tlsreport
