//go:build !linux

package proxy

import "syscall"

// setOptions leaves keepalives and buffers to the system here.
func setOptions(string, string, syscall.RawConn) error { return nil }
