// Package wire reads and writes one mail connection: it reads lines strictly
// and with bounds, buffers replies, and starts TLS, which discards all
// plaintext state.
//
// It handles CRLF, lengths, deadlines and the handshake, and no protocol. A
// line ends in CRLF and contains no other CR or LF and no NUL, so that the
// backend reads each forwarded line exactly as the proxy does. A Conn never
// reads more than its buffer holds, and Detach returns every byte that it did
// not use.
//
// A gate has the Stream of a connection: read.go, write.go, Upgrade and TLS. A
// Conn adds what only its owner, the proxy, may do: deadlines and interruption
// in deadline.go, and Start, Detach, Abort, Close and the counters in conn.go.
package wire
