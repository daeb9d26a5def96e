// Package wire reads and writes one mail connection: strict and bounded lines in,
// buffered replies out, and the switch to TLS, which drops all plaintext state.
//
// It handles CRLF, lengths, deadlines and the handshake, and no protocol. A line ends
// in CRLF and holds no other CR or LF and no NUL, so that the backend reads each
// forwarded line exactly as the proxy does. A Conn never reads more than its buffer
// holds, and Detach returns every byte that it did not use.
//
// Gates use the methods of read.go and write.go, Upgrade and TLS. The rest of Conn is
// for its owner, the proxy: deadlines and interruption in deadline.go, and Start,
// Detach, Abort, Close and the counters in conn.go.
package wire
