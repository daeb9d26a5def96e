// Package imap is the gate in front of an IMAP backend: the conversation until
// the client has logged in. From then on the proxy relays bytes that nobody
// reads, so that every extension works.
//
// In clear the gate answers alone, with a table of seven commands, and has no
// backend. After TLS it shows the backend's capabilities without those that
// only hold for the plaintext leg, and passes three commands on: CAPABILITY,
// ID and the login. Each is parsed to its end and built anew, with tags of our
// own; no byte of a client reaches the backend unread before it has logged in.
//
// Literals are where gates go wrong: whoever loses count runs text as
// commands. Here an announced literal is counted, or not asked for, or ends
// the session; it is never skipped by guessing.
//
// It follows RFC 9051 and RFC 3501 (IMAP4rev2 and rev1), RFC 2595 (STARTTLS),
// RFC 4959 (initial responses), RFC 7888 (non-synchronising literals),
// RFC 2971 (ID) and RFC 5530 (response codes).
//
// Left out on purpose: PREAUTH, which would let strangers in; referrals
// (RFC 2221, RFC 2193), which name the plaintext backend; and LANGUAGE
// (RFC 5255) before the login, which works behind it.
package imap
