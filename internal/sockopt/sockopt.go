// Package sockopt holds the options of the sockets of clients and backends:
// keepalives, which find peers that have gone without closing the connection, and
// bounds on the data that the system buffers.
package sockopt

import (
	"net"
	"time"
)

// Both sides of a session are probed alike. The interval keeps the state of firewalls,
// which often forget a connection after five minutes, and does not wake phones in
// IDLE too often.
const (
	idle     = 4 * time.Minute
	interval = 30 * time.Second
	count    = 4
)

// Unread is how many bytes of a backend the system keeps for a client that does not
// read them. It would keep thirty megabytes and more of a backend on the same machine,
// and a few hundred such clients would use up the memory of all connections.
const Unread = 256 << 10

// KeepAlive returns the keepalives of a backend's connection.
func KeepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: idle, Interval: interval, Count: count}
}
