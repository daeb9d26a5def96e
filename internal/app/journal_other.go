//go:build !linux

package app

import "os"

// isJournal returns false: systemd's journal exists on Linux only.
func isJournal(*os.File, string) bool { return false }
