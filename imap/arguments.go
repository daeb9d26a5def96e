package imap

import "strings"

// arguments are the text after a command's name, read from the front. The parts
// are those of RFC 9051 §9. Each method reads one part, if it is there, and
// reports that. A copy is read independently.
type arguments struct {
	text string // up to the next literal
	more []counted
}

// counted is a literal and the text after it.
type counted struct{ literal, text string }

// done reports whether everything has been read.
func (a *arguments) done() bool { return a.text == "" && len(a.more) == 0 }

// add appends a literal and the text after it.
func (a *arguments) add(literal, text string) {
	a.more = append(a.more, counted{literal, text})
}

// skip removes text from the front, if it is there exactly.
func (a *arguments) skip(text string) (ok bool) {
	a.text, ok = strings.CutPrefix(a.text, text)
	return ok
}

// word reads bytes of one kind, at least one.
func (a *arguments) word(is func(byte) bool) (string, bool) {
	n := 0
	for n < len(a.text) && is(a.text[n]) {
		n++
	}
	s := a.text[:n]
	a.text = a.text[n:]
	return s, n > 0
}

// ended reports whether only blanks are left.
func (a *arguments) ended() bool { return strings.TrimLeft(a.text, " ") == "" && len(a.more) == 0 }

// userString reads a name or a password of LOGIN: an atom, a quoted string or a
// literal. An atom may also hold "*", "%" and a backslash, which RFC 9051 §9 excludes:
// clients such as Python's imaplib send user*master and DOMAIN\user without
// quotes, and Dovecot and Cyrus accept them.
func (a *arguments) userString() (string, bool) {
	if s, ok := a.word(isUserChar); ok {
		return s, true
	}
	return a.string()
}

func isUserChar(c byte) bool { return isAstringChar(c) || c == '*' || c == '%' || c == '\\' }

// string reads a quoted string or a literal.
func (a *arguments) string() (string, bool) {
	// Text before a literal, such as the "~" of a literal8 (RFC 3516), is not
	// part of a string.
	if a.text == "" {
		return a.literal()
	}
	return a.quoted()
}

// literal reads a literal, which begins where the text ends.
func (a *arguments) literal() (string, bool) {
	if len(a.more) == 0 {
		return "", false
	}
	next := a.more[0]
	a.text, a.more = next.text, a.more[1:]
	return next.literal, true
}

// quoted reads a quoted string. It accepts bytes above 127: RFC 6855 and RFC
// 9051 allow UTF-8 there. Only a quote and a backslash may be escaped; servers
// differ about other escapes.
func (a *arguments) quoted() (string, bool) {
	text := a.text
	if !strings.HasPrefix(text, `"`) {
		return "", false
	}
	var s strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			a.text = text[i+1:]
			return s.String(), true
		case c == '\\':
			i++
			if i == len(text) || text[i] != '"' && text[i] != '\\' {
				return "", false
			}
		}
		s.WriteByte(text[i])
	}
	return "", false
}

// none reads NIL.
func (a *arguments) none() bool {
	text := a.text
	return len(text) >= 3 && strings.EqualFold(text[:3], "NIL") && a.skip(text[:3])
}

// breaksLine reports whether a name, password or field holds a line end or a
// NUL. A literal could carry it, but a backend that miscounts the literal would
// execute the rest as commands.
func breaksLine(s string) bool { return strings.ContainsAny(s, "\r\n\x00") }
