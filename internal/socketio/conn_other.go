//go:build !linux

package socketio

import "net"

// Wrap returns conn.
func Wrap(conn net.Conn) net.Conn { return conn }
