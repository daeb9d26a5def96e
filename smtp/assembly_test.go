package smtp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/test/mta"
)

// assembly is a message in chunks.
type assembly struct {
	raw     string // as the client has sent it
	arrived string // as the backend must have it so far
	binary  bool
}

// add returns the bytes that the backend must receive after one more chunk. A
// CR at its end may be half of a CRLF.
func (m *assembly) add(text string, last bool) (due string) {
	m.raw += text
	settled := m.raw
	if !last && !m.binary {
		settled = strings.TrimSuffix(m.raw, "\r")
	}
	if !m.binary {
		settled = mta.Regular(settled)
	}
	due = settled[len(m.arrived):]
	m.arrived = settled
	return due
}

// chunk records a chunk, whatever its reply. A refused chunk leaves nothing
// behind.
func (a *account) chunk(args string, r clientReply) {
	m := chunkArgs.FindStringSubmatch(args)
	if m == nil {
		a.must(r.number == 0, "BDAT %q is answered by the backend", args)
		return
	}
	size, _ := strconv.Atoi(m[1])
	if size > len(a.said) {
		a.must(r.code/100 != 2, "half a chunk is answered %+v", r)
		a.said = ""
		return
	}
	text, last := a.said[:size], m[2] != ""
	a.said = a.said[size:]
	did := reading{verb: "BDAT", code: r.code, reply: r.number}
	if r.code/100 == 2 {
		did.text, did.args = a.chunks.add(text, last), strings.ToUpper(m[2])
		a.must(r.number > 0 || did.text == "" && !last, "a chunk is answered with the gate's own %+v", r)
		a.must(!a.rejects || strings.HasPrefix(a.chunks.raw, a.chunks.arrived), "%q is answered %+v", a.chunks.raw, r)
	}
	if last || r.code/100 != 2 {
		a.chunks = assembly{}
	}
	if r.number > 0 {
		a.done = append(a.done, did)
	}
}

// assembled joins the chunks that the backend has read for one chunk of the
// client. Chunks without a reply to the client may only be left where their
// message was ended by RSET, or with the session.
func assembled(read, done []reading) (whole []reading, problem string) {
	text, refused := "", false
	for _, r := range read {
		last := strings.HasSuffix(r.args, "LAST")
		switch {
		case r.verb != "BDAT":
			if text != "" && r.verb != "RSET" {
				return nil, fmt.Sprintf("%q was left lying, and then came %+v", text, r)
			}
			text, refused = "", false
			whole = append(whole, r)
		case slices.ContainsFunc(done, func(d reading) bool { return d.reply == r.reply }):
			refused = r.code != 250
			r.text, r.args = text+r.text, strings.Repeat("LAST", strings.Count(r.args, "LAST"))
			if refused {
				r.text, r.args = "", ""
			}
			text = ""
			whole = append(whole, r)
		case r.code == 250 && !last:
			text += r.text
		case !refused || last:
			whole = append(whole, r)
		}
	}
	return whole, ""
}
