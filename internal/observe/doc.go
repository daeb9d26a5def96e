// Package observe writes the log: every line of the running proxy, in every
// format, goes through a Log.
//
// Much of what is logged comes from outside: names that clients call
// themselves, words of backends, errors of libraries that quote both. A Log
// cuts each such value, bounds how many bytes a minute the clients of one
// network can cause, and never makes a session wait for the reader of the log.
// What it leaves out or loses it counts, and tells in the log.
package observe
