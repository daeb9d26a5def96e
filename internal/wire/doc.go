// Package wire reads and writes one mail connection: strict and bounded lines
// in, gathered replies out, and between them the switch to TLS, which nothing
// that was said in clear survives.
//
// It knows CRLF, lengths, deadlines and the handshake, and no protocol. A line
// ends in CRLF and holds no other CR or LF and no NUL: what we let through is
// then read by the backend exactly as we read it. A Conn never reads more than
// its buffer holds and hands back every byte that it did not use.
package wire
