package syntax

import "bytes"

// Text normalises the text of a message to lines that end in CRLF, and finds
// its end: CRLF, a dot, CRLF, and nothing else (RFC 5321 §4.1.1.4). It takes
// the text in parts of any size.
//
// A bare CR or LF becomes CRLF and a NUL is removed; Irregular reports that. If
// a line that begins after such a CRLF starts with a dot, the dot is the
// sender's own and is stuffed. A dot that the sender has stuffed before a bare
// CR or LF is removed. So nothing within the text can end the message for the
// backend, however the backend reads CR, LF and NUL (SMTP smuggling,
// CVE-2023-51764 and similar).
//
// Text in counted chunks is normalised too, as the backend may send it on by
// DATA. Its dots are not stuffed, and it ends with its last octet: see Finish.
type Text struct {
	Form      Form
	at        position
	Irregular bool
}

// Form is the encoding of a text.
type Form int

// The forms of a text.
const (
	Stuffed Form = iota // by DATA
	Counted             // in chunks (RFC 3030 §2)
	Binary              // in chunks, as octets that need not be lines (RFC 3030 §3): nothing is normalised
)

// position is the position of the next byte in a line.
type position int

const (
	lineStart position = iota // after the sender's CRLF, or at the beginning
	madeStart                 // after a CRLF that we have inserted
	inLine
	afterCR    // a CR is held back
	afterDot   // at lineStart, a dot is held back
	afterDotCR // at lineStart, a dot and a CR are held back
)

const (
	crlf = "\r\n"
	Dot  = ".\r\n" // ends a text that is sent by DATA
)

// Next processes a part of src. It returns the bytes of src that are forwarded
// unchanged, the bytes that are written after them, how many bytes of src it
// has used, and whether the text has ended. The caller calls it until src is
// used up. Bytes after the end of the text are not used. The final dot is part
// of what is returned.
func (t *Text) Next(src []byte) (run []byte, tail string, used int, end bool) {
	if t.at == lineStart || t.at == inLine {
		used = t.clean(src)
	}
	if run = src[:used]; used == len(src) {
		return run, "", used, false
	}
	tail, end = t.step(src[used])
	return run, tail, used + 1, end
}

// Length returns the number of bytes that Next returns for all of src.
func (t *Text) Length(src []byte) (n int) {
	for len(src) > 0 {
		run, tail, used, _ := t.Next(src)
		n += len(run) + len(tail)
		src = src[used:]
	}
	return n
}

// Finish returns the bytes that are written after the last octet of a counted
// text: a CR that is still held back is a bare CR.
func (t *Text) Finish() (tail string) {
	if t.at != afterCR {
		return ""
	}
	t.at, t.Irregular = madeStart, true
	return crlf
}

// clean returns the number of bytes at the front of src that can be forwarded
// unchanged. It stops at a dot at the beginning of a line, at a CR without a LF
// after it (yet), at a bare LF, and at a NUL, and sets the position after the
// clean bytes.
func (t *Text) clean(src []byte) int {
	if t.Form == Binary {
		return len(src)
	}
	n := 0
	for n < len(src) {
		if t.at == lineStart {
			n += t.cleanLines(src[n:min(n+lookAhead, len(src))])
		}
		if n == len(src) || t.at == lineStart && t.isDot(src[n]) {
			return n
		}
		line := src[n:min(n+longestLine, len(src))]
		lf := bytes.IndexByte(line, '\n')
		if lf >= 0 {
			line = line[:lf+1]
		}
		cr, nul := bytes.IndexByte(line, '\r'), bytes.IndexByte(line, 0)
		if lf > 0 && cr == lf-1 && nul < 0 {
			n += lf + 1
			t.at = lineStart
			continue
		}
		plain := len(line)
		for _, odd := range [...]int{lf, cr, nul} {
			if odd >= 0 {
				plain = min(plain, odd)
			}
		}
		if n += plain; plain > 0 {
			t.at = inLine
		}
		if plain < len(line) {
			return n
		}
	}
	return n
}

// cleanLines returns the length of the whole lines at the front of src, which
// begins at a line, if they are all valid, and 0 otherwise. It looks for CR, LF
// and NUL in all lines at once: if each line ends in CRLF, and there are as
// many CR and LF as lines, no CR and no LF is bare.
func (t *Text) cleanLines(src []byte) int {
	n, lines := 0, 0
	for length := 0; n < len(src) && !t.isDot(src[n]); lines++ {
		// Lines of an attachment have the same length, so that the next LF is
		// found without a search. If it is not the next one, lines has one too few.
		if next := n + length; lines == 0 || next > len(src) || src[next-1] != '\n' {
			length = bytes.IndexByte(src[n:], '\n') + 1
		}
		if length == 0 {
			break
		}
		if length == 1 || src[n+length-2] != '\r' {
			return 0
		}
		n += length
	}
	valid := src[:n]
	if lines < 2 || bytes.Count(valid, lf) != lines || bytes.Count(valid, cr) != lines || bytes.IndexByte(valid, 0) >= 0 {
		return 0
	}
	return n
}

var cr, lf = []byte{'\r'}, []byte{'\n'}

// lookAhead bounds the bytes that cleanLines examines: it may find an irregular
// byte at the end and be called again for the next line.
const lookAhead = 2048

// longestLine is the limit of RFC 5321 §4.5.3.1.6, in bytes. clean looks no
// further ahead: in a text of irregular bytes it would scan the whole rest for
// each of them.
const longestLine = 1000

// isDot reports whether b, at the beginning of a line, is a dot that is part of
// the transfer syntax.
func (t *Text) isDot(b byte) bool { return b == '.' && t.Form == Stuffed }

// step processes one byte that clean has not accepted, and returns what is
// written for it and for the bytes held back before it.
func (t *Text) step(b byte) (out string, end bool) {
	switch t.at {
	case lineStart:
		if t.isDot(b) {
			t.at = afterDot
			return "", false
		}
	case madeStart:
		if t.isDot(b) {
			t.at = inLine
			return "..", false
		}
	case afterCR:
		if b == '\n' {
			t.at = lineStart
			return crlf, false
		}
		return t.normalise(crlf, b)
	case afterDot:
		switch b {
		case '\r':
			t.at = afterDotCR
			return "", false
		case '\n', 0:
			return t.normalise("", b)
		}
		t.at = inLine
		return stuffed[b], false
	case afterDotCR:
		if b == '\n' {
			t.at = lineStart
			return Dot, true
		}
		return t.normalise(crlf, b)
	}
	return t.plain(b)
}

// normalise writes due for a bare CR, or for a dot before a bare LF, and
// processes b as the first byte of a line that we have begun.
func (t *Text) normalise(due string, b byte) (out string, end bool) {
	t.Irregular = true
	t.at = madeStart
	out, end = t.step(b)
	return due + out, end
}

// plain processes a byte that means the same at every other position.
func (t *Text) plain(b byte) (out string, end bool) {
	switch b {
	case '\r':
		t.at = afterCR
		return "", false
	case '\n':
		t.Irregular = true
		t.at = madeStart
		return crlf, false
	case 0:
		t.Irregular = true
		if t.at == lineStart {
			t.at = madeStart
		}
		return "", false
	}
	t.at = inLine
	return single[b], false
}

// single and stuffed contain each byte as a string, alone and after a dot.
var single, stuffed = byteStrings("."), byteStrings("..")

func byteStrings(pattern string) (table [256]string) {
	for b := range table {
		table[b] = pattern[1:] + string([]byte{byte(b)})
	}
	return table
}
