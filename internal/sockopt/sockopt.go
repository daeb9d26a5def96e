// Package sockopt has the options of the sockets of clients and backends:
// keepalives, which find peers that have disappeared without closing the
// connection, and bounds on the data that the system buffers.
package sockopt

import (
	"net"
	"time"
)

// The keepalives are the same on both sides of a session. The interval keeps
// the state of firewalls alive, which often forget a connection after five
// minutes, and does not wake phones in IDLE too often.
const (
	idle     = 4 * time.Minute
	interval = 30 * time.Second
	count    = 4
)

// Unread is the maximum number of a backend's bytes that the system buffers for
// a client that does not read. Without it the system would buffer thirty
// megabytes and more of a backend on the same machine, and a few hundred such
// clients would exhaust the memory for connections.
const Unread = 256 << 10

// KeepAlive returns the keepalive settings of a backend's connection.
func KeepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: idle, Interval: interval, Count: count}
}
