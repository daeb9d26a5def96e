package clienthello

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// Hello is the content of a ClientHello. Its lists are in the client's order.
type Hello struct {
	ServerName string
	Versions   []uint16 // only the highest, if the client sends no list
	Suites     []uint16
	Groups     []uint16
	Signatures []uint16
	Protocols  []string // of ALPN

	// Flaw is the first reason for which a strict server refuses the hello. It
	// is empty if none was found.
	Flaw string
}

// reader parses a hello as far as it goes.
type reader struct {
	Hello
	seen map[uint16]bool
}

// flaw records a flaw, unless there is one already.
func (r *reader) flaw(format string, args ...any) {
	if r.Flaw == "" {
		r.Flaw = fmt.Sprintf(format, args...)
	}
}

// read parses the body of a ClientHello (RFC 8446 §4.1.2). If the hello is
// incomplete, the missing part is not a flaw.
func read(body cryptobyte.String, whole bool) Hello {
	r := &reader{seen: map[uint16]bool{}}
	switch fixed := r.fixed(&body); {
	case fixed && !body.Empty():
		r.extensions(body, whole)
	case !fixed && whole:
		r.flaw("the ClientHello ends too early")
	}
	return r.Hello
}

// fixed parses the fields before the extensions.
func (r *reader) fixed(body *cryptobyte.String) bool {
	var version uint16
	var session, suites, compression cryptobyte.String
	if !body.ReadUint16(&version) || !body.Skip(32) || !body.ReadUint8LengthPrefixed(&session) {
		return false
	}
	r.Versions = []uint16{version}
	if !body.ReadUint16LengthPrefixed(&suites) {
		return false
	}
	r.Suites = numbers(suites)
	if len(suites)%2 != 0 {
		r.flaw("the list of cipher suites has an odd length")
	}
	return body.ReadUint8LengthPrefixed(&compression)
}

// extensions parses the extensions.
func (r *reader) extensions(body cryptobyte.String, whole bool) {
	var list cryptobyte.String
	if whole && (!body.ReadUint16LengthPrefixed(&list) || !body.Empty()) {
		r.flaw("the length of the extensions is wrong")
		return
	}
	if !whole && body.Skip(2) {
		list = body
	}
	for !list.Empty() {
		var kind uint16
		var data cryptobyte.String
		if !list.ReadUint16(&kind) || !list.ReadUint16LengthPrefixed(&data) {
			if whole {
				r.flaw("the length of an extension is wrong")
			} else {
				r.partly(kind, list)
			}
			return
		}
		r.extension(kind, data)
		if kind == preSharedKey && !list.Empty() {
			r.flaw("an extension follows pre_shared_key, which must be the last one (RFC 8446 §4.2.11)")
		}
	}
}

// partly parses the beginning of a server name that is too long to be kept.
func (r *reader) partly(kind uint16, data cryptobyte.String) {
	const inFront = 2 + 1 + 2 // the length of the list, the type and the length of the name
	if kind == serverName && data.Skip(inFront) {
		r.ServerName = string(data)
	}
}

func (r *reader) extension(kind uint16, data cryptobyte.String) {
	if r.seen[kind] {
		r.flaw("the extension %s is there twice (RFC 8446 §4.2)", nameOf(kind))
		return
	}
	r.seen[kind] = true
	if e, known := known[kind]; known && !e.read(r, data) {
		r.flaw("the extension %s is malformed", e.name)
	}
}

// numbers parses a list of two-byte numbers.
func numbers(list cryptobyte.String) (all []uint16) {
	for n := uint16(0); list.ReadUint16(&n); {
		all = append(all, n)
	}
	return all
}

// readSSL2 parses a ClientHello of SSL 2.0 that offers later versions (RFC 5246
// appendix E.2).
func readSSL2(body cryptobyte.String) Hello {
	h := Hello{Flaw: "the hello is one of SSL 2.0 (RFC 6176)"}
	var version, specs uint16
	if !body.Skip(1) || !body.ReadUint16(&version) {
		return h
	}
	h.Versions = []uint16{version}
	if !body.ReadUint16(&specs) || !body.Skip(4) { // the lengths of the session ID and the challenge
		return h
	}
	for range specs / 3 {
		var kind uint8
		var suite uint16
		if !body.ReadUint8(&kind) || !body.ReadUint16(&suite) {
			break
		}
		if kind == 0 { // others exist only in SSL 2.0
			h.Suites = append(h.Suites, suite)
		}
	}
	return h
}
