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

// parseID reads the arguments of an ID command. Their number is bounded by
// what a command may hold.
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

// field reads one pair. The name must be a string, the value may be NIL.
func (a *arguments) field() (f field, ok bool) {
	if f.name, ok = a.string(); !ok || !a.skip(" ") {
		return f, false
	}
	if f.none = a.none(); !f.none {
		f.value, ok = a.string()
	}
	return f, ok && !unsafe(f.name) && !unsafe(f.value)
}

// forged are the beginnings of fields with which a proxy tells a backend that
// trusts it whose connection this is: Dovecot takes x-originating-ip,
// x-session-id, x-proxy-ttl, x-forward-* and others. No client may say them.
var forged = []string{"x-", "proxy", "forward", "originating", "connected", "session", "client-"}

// honest reports whether a field may pass.
func (f field) honest() bool {
	name := strings.TrimSpace(strings.ToLower(f.name))
	return all(f.name, isPlain) && !slices.ContainsFunc(forged, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// id passes on who the client says it is, and the backend's answer.
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

// idRequest is the ID command with the honest fields of the client's; a list
// that is left with none is NIL.
func (g *Gate) idRequest(fields []field) *request {
	req := g.request("ID ")
	separator := "("
	for _, f := range fields {
		if !f.honest() {
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
	req.end()
	return req
}
