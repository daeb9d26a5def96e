package smarthost

import (
	"bytes"
	"errors"
	"net/mail"
	"strings"
)

// maxHeader bounds a header that is read as a whole, and is in memory until its end, in
// bytes.
const maxHeader = 128 << 10

var errHeader = errors.New("the header is too long to be rewritten")

// collected is the header of a message that is held in memory until its end is known.
type collected struct {
	header header
	text   []byte // so far
}

// add adds the next part of the message. Over reports that the header has ended, end
// bytes from the beginning of the text.
func (c *collected) add(run []byte, tail string) (end int, over bool, err error) {
	held := len(c.text)
	c.text = append(append(c.text, run...), tail...)
	for i := held; i < min(len(c.text), maxHeader); i++ {
		if c.header.step(c.text[i]); c.header.at == headerEnd {
			return bytes.LastIndexByte(c.text[:i], '\n') + 1, true, nil
		}
	}
	if len(c.text) >= maxHeader {
		return 0, false, errHeader
	}
	return 0, false, nil
}

const headerTooLong = "554 5.6.0 The header of the message is too long to be rewritten"

// rewriter replaces the address of From in the header of a message while the message
// passes.
type rewriter struct {
	address string
	header  collected
	over    bool // the header was written
}

// next takes the next part of the message, and returns the text to forward.
func (r *rewriter) next(run []byte, tail string) (text []byte, err error) {
	end, over, err := r.header.add(run, tail)
	if err != nil || !over {
		return nil, err
	}
	text = append(rewriteFrom(r.header.text[:end], r.address), r.header.text[end:]...)
	r.header.text, r.over = nil, true
	return text, nil
}

// rewriteFrom replaces the address of the field From in a header, and keeps its name.
// In a header without Reply-To the old address becomes that field. Sender is removed, because its
// address would be another one (RFC 5322 §3.6.2).
func rewriteFrom(fields []byte, address string) []byte {
	var kept strings.Builder
	var old []*mail.Address
	replaced, answered := false, false
	for _, field := range splitFields(string(fields)) {
		name, value, _ := strings.Cut(field, ":")
		switch strings.ToLower(strings.TrimRight(name, " \t")) {
		case "sender":
			continue
		case "reply-to":
			answered = true
		case "from":
			if replaced {
				continue
			}
			replaced = true
			old, _ = mail.ParseAddressList(strings.Join(strings.Fields(value), " "))
			field = fromField(old, address)
		}
		kept.WriteString(field)
	}
	if replaced && !answered {
		kept.WriteString(replyTo(old, address))
	}
	return []byte(kept.String())
}

// splitFields splits a header into its fields, each with its continuation lines.
func splitFields(header string) (fields []string) {
	for line := range strings.Lines(header) {
		if last := len(fields) - 1; last >= 0 && (line[0] == ' ' || line[0] == '\t') {
			fields[last] += line
		} else {
			fields = append(fields, line)
		}
	}
	return fields
}

// maxName bounds the name in a rewritten From, so that the field fits on a line (RFC
// 5322 §2.1.1), in bytes as written.
const maxName = 600

func fromField(old []*mail.Address, address string) string {
	a := mail.Address{Address: address}
	if len(old) > 0 {
		a.Name = old[0].Name
	}
	text := a.String()
	if len(text) > len(address)+maxName {
		text = (&mail.Address{Address: address}).String()
	}
	return "From: " + text + "\r\n"
}

// replyTo returns the field Reply-To with the old addresses; empty if all of them are
// the new one.
func replyTo(old []*mail.Address, address string) string {
	var others []string
	for _, a := range old {
		if !strings.EqualFold(a.Address, address) {
			others = append(others, (&mail.Address{Address: a.Address}).String())
		}
	}
	if len(others) == 0 {
		return ""
	}
	return "Reply-To: " + strings.Join(others, ",\r\n ") + "\r\n"
}
