// Package loghandler writes the log: every line of the running proxy, in every
// format, goes through a Handler.
//
// Much of the log comes from outside: names that clients give themselves, replies
// of backends, errors of libraries that quote both. A Handler cuts each such
// value, bounds how many bytes a minute the clients of one network can cause, and
// never lets a session wait for the reader of the log. It counts the lines that
// it leaves out or loses, and logs the counts.
package loghandler
