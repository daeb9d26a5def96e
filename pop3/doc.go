// Package pop3 is the gate of POP3 (RFC 1939): STLS (RFC 2595), CAPA and
// response codes (RFC 2449, RFC 3206), SASL (RFC 5034), UTF8 and LANG (RFC
// 6856).
//
// Before TLS it answers without a backend, and accepts no name and no password.
// After TLS it parses and forwards the login, command by command. Once the
// backend has accepted a login, the transaction state is relayed without being
// parsed, so that every extension works there.
//
// Not supported: XCLIENT, with which a client could choose its own address, and
// the APOP timestamp on services with STLS. RFC 1939 §7 puts it in the
// greeting, which is sent before TLS and before there is a backend to create
// one.
package pop3
