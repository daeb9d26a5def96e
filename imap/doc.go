// Package imap is the gate in front of an IMAP backend: the session until the
// client has logged in. From then on the proxy relays bytes that it does not
// parse, so that every extension works.
//
// Before TLS the gate answers a table of seven commands without a backend.
// After TLS it offers the backend's capabilities, without those that only apply
// to the plaintext connection to the backend, and forwards three commands:
// CAPABILITY, ID and the login. Each is parsed to its end and composed again,
// with tags of our own. No unparsed byte of a client reaches the backend before
// the client has logged in.
//
// A gate that miscounts a literal executes message text as commands. Therefore
// an announced literal is either counted, or not invited, or ends the session;
// its length is never guessed.
//
// It follows RFC 9051 and RFC 3501 (IMAP4rev2 and rev1), RFC 2595 (STARTTLS),
// RFC 4959 (initial responses), RFC 7888 (non-synchronising literals), RFC 2971
// (ID) and RFC 5530 (response codes).
//
// Not supported on purpose: PREAUTH, which gives access without a login;
// referrals (RFC 2221, RFC 2193), which name the plaintext backend; and
// LANGUAGE (RFC 5255) before the login. It works after the login.
package imap
