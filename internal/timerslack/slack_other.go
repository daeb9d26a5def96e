//go:build !linux

package timerslack

// Raise does nothing: only Linux has the slack.
func Raise() {}
