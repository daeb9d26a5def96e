// Package loghandler writes the log: every line of the running proxy, in every
// format, is written by a Handler.
//
// Much of the log comes from outside: names that clients send, replies of
// backends, errors of libraries that quote both. A Handler truncates each such
// value, limits the bytes a minute that the clients of one network can cause,
// and never lets a session wait for the reader of the log. It counts the lines
// that it omits or loses, and logs the counts.
package loghandler
