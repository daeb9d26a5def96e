// Package outbound decides about TLS on the way to other mail servers: what a
// level demands, which certificate proves what, and how far that is to be
// trusted. Levels and words are Postfix's (TLS_README). It looks nothing up:
// names, records and authorities are brought to it.
package outbound
