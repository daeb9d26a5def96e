// Package timeline counts sessions, TLS versions and failures over the last hour, day
// and week. Its memory is a fixed number of counts, which it can write to a file and
// read again after a restart.
package timeline
