// Package record writes the bytes that a session's sides send to files, without their
// secrets: as a dialog, which package internal/dialog can replay, and as a text for
// people.
//
// The conversation is masked while it is read, line by line; only the masked lines are
// kept. Each protocol has a list of the harmless commands and replies, which
// pass; everything else is replaced by its length.
// On the client's side the gate itself reports which line it has read as a command, and
// which as a response or a part of a text. Each secret of a login is in the end also
// removed wherever else it occurs, such as in the reply of a backend that repeats the
// command.
package record
