// Package observe defines the events of sessions, and writes the sessions' log
// lines.
//
// The proxy sends all events to one Observer. An All forwards them to several:
// the session log, the status page with its metrics, and the inventory.
package observe
