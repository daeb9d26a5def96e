// Package observe defines the events of sessions, and writes the sessions' log
// lines.
//
// The proxy tells one Observer what happens in each session. All passes the
// events on to several: the session log, the metrics and the status page, the
// inventory.
package observe
