//go:build !linux

package app

import "os"

// isJournal is false: systemd's journal is Linux's.
func isJournal(*os.File, string) bool { return false }
