package imap

import (
	"slices"
	"strings"
)

const idSyntax = `Syntax: ID NIL or ID ("field" "value" ...)`

// field is one pair of an ID command (RFC 2971 §3.3).
type field struct {
	name, value string
	none        bool // the value is NIL
}

// parseID reads the arguments of an ID command. Limits.Literal bounds their
// number.
func parseID(a arguments) (fields []field, ok bool) {
	if !a.skip(" ") {
		return nil, false
	}
	if a.none() {
		return nil, a.ended()
	}
	if !a.skip("(") {
		return nil, false
	}
	for !a.skip(")") {
		if len(fields) > 0 && !a.skip(" ") {
			return nil, false
		}
		f, ok := a.field()
		if !ok {
			return nil, false
		}
		fields = append(fields, f)
	}
	return fields, a.ended()
}

// field reads one pair. The name must be a string; the value may be NIL.
func (a *arguments) field() (f field, ok bool) {
	if f.name, ok = a.string(); !ok || !a.skip(" ") {
		return f, false
	}
	if f.none = a.none(); !f.none {
		f.value, ok = a.string()
	}
	return f, ok && !breaksLine(f.name) && !breaksLine(f.value)
}

// forged are prefixes of the fields with which a trusted proxy reports its
// client's address: Dovecot accepts x-originating-ip, x-session-id,
// x-proxy-ttl, x-forward-* and others. A client may not send them.
var forged = []string{"x-", "proxy", "forward", "originating", "connected", "session", "client-"}

// allowed reports whether a field may be forwarded.
func (f field) allowed() bool {
	name := strings.TrimSpace(strings.ToLower(f.name))
	return all(f.name, isPlain) && !slices.ContainsFunc(forged, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// id forwards the client's ID and the backend's reply.
func (g *Gate) id(cmd command) error {
	if !g.offer.has("ID") {
		return g.bad(cmd, "ID is not supported")
	}
	if err := g.collect(&cmd); err != nil {
		return err
	}
	fields, ok := parseID(cmd.args)
	if !ok {
		return g.bad(cmd, idSyntax)
	}
	r, err := g.converse(g.idRequest(fields), nil)
	if err != nil {
		return err
	}
	return g.relayVerdict(cmd, r)
}

// idRequest returns the ID command with the allowed fields of the client. A
// list without fields is NIL.
func (g *Gate) idRequest(fields []field) *request {
	req := g.request("ID ")
	separator := "("
	for _, f := range fields {
		if !f.allowed() {
			continue
		}
		req.add(separator)
		req.addString(f.name)
		req.add(" ")
		if f.none {
			req.add("NIL")
		} else {
			req.addString(f.value)
		}
		separator = " "
	}
	if separator == "(" {
		req.add("NIL")
	} else {
		req.add(")")
	}
	req.finish()
	return req
}
