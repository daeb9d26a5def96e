package smtp

import (
	"bytes"
	"strings"

	"github.com/letterlock/letterlock/internal/test/mta"
)

// message reads a text to its end, CRLF.CRLF.
func (r *reference) message() bool {
	text := append([]byte("\r\n"), r.received...)
	end := bytes.Index(text, []byte("\r\n.\r\n"))
	if end < 0 {
		return false
	}
	content := string(text[:end+2])
	r.received = text[end+5:]
	if mta.Regular(content) != content {
		r.blame("a text with bare CR, LF or NUL: %q", content)
	}
	if mta.LaxEnds([]byte(content[2:] + ".\r\n")) {
		r.blame("a text that others might take for more than one: %q", content)
	}
	r.inText = false
	r.forget()
	r.read = append(r.read, reading{verb: "text", text: strings.ReplaceAll(content, "\r\n.", "\r\n")[2:]})
	r.send([]int{250, 250, 250, 451, 554}[r.random.IntN(5)], "verdict")
	return true
}

// octets reads a chunk to its end.
func (r *reference) octets() bool {
	if len(r.received) < r.left {
		return false
	}
	this := &r.read[len(r.read)-1]
	this.text = string(r.received[:r.left])
	r.received, r.chunk = r.received[r.left:], false
	if !r.binary && mta.Regular(this.text) != this.text {
		r.blame("a chunk with bare CR, LF or NUL: %q", this.text)
	}
	code := []int{250, 250, 250, 451, 554}[r.random.IntN(5)]
	switch {
	case !r.rcpt:
		code = 503
	case this.args == "0":
		code = 551 // as Postfix does
	}
	if r.chunked = true; code != 250 || strings.HasSuffix(this.args, "LAST") {
		r.forget()
	}
	r.send(code, "chunk")
	return true
}
