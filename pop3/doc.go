// Package pop3 is the gate of POP3 (RFC 1939): STLS (RFC 2595), CAPA and
// response codes (RFC 2449, RFC 3206), SASL (RFC 5034), UTF8 and LANG
// (RFC 6856).
//
// Before TLS it answers alone, and takes no name and no password. After TLS it
// relays the login, command by command as it has understood them; once the
// backend has accepted one, the transaction state is relayed unread, so that
// every extension works there.
//
// Left out: XCLIENT, by which a client would choose its own address, and the
// APOP time stamp on services with STLS. RFC 1939 §7 has it in the greeting,
// which is said in clear before there is a backend to make one.
package pop3
