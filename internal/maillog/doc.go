// Package maillog writes a log in the shape that syslog gives to Postfix's, so
// that the pipelines of postmasters count ours too.
package maillog
