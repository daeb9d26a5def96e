package syntax

import "bytes"

// Text makes a message of lines that end in CRLF, and finds its end: CRLF, a
// dot, CRLF, and nothing else (RFC 5321 §4.1.1.4). It works on whatever pieces
// the stream comes in.
//
// A bare CR or LF becomes CRLF and a NUL is left out, and Irregular says so.
// What then begins with a dot at the beginning of a line that we have made is
// the sender's own dot and is stuffed; a dot that the sender has stuffed in
// front of a bare CR or LF goes. So nothing in the text can be the end of the
// message to a backend, however that reads CR, LF and NUL (SMTP smuggling,
// CVE-2023-51764 and its kin).
//
// A text that is counted is mended too, as its reader may send it on by DATA;
// its dots are dots, and it goes on until its last octet: see End.
type Text struct {
	Form      Form
	at        place
	Irregular bool
}

// Form is how a text is sent.
type Form int

// The forms of a text.
const (
	Stuffed Form = iota // by DATA
	Counted             // in chunks (RFC 3030 §2)
	Binary              // in chunks, as octets that need not be lines (RFC 3030 §3): nothing is mended
)

// place is where in a line the next byte stands.
type place int

const (
	lineStart place = iota // behind the sender's CRLF, or at the beginning
	madeStart              // behind a CRLF that we have made
	inLine
	behindCR    // a CR is held back
	behindDot   // at lineStart, a dot is held back
	behindDotCR // at lineStart, a dot and a CR are held back
)

const (
	crlf = "\r\n"
	Dot  = ".\r\n" // ends a text that is sent by DATA
)

// Next takes some of src: it returns what of it goes on as it is, what is to
// be written behind that, how many bytes of src are used up, and whether the
// text has ended. Call it until src is used up; the bytes behind the end are
// not touched. The final dot is part of what is returned.
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

// Length is how many bytes Next makes of all of src.
func (t *Text) Length(src []byte) (n int) {
	for len(src) > 0 {
		run, tail, used, _ := t.Next(src)
		n += len(run) + len(tail)
		src = src[used:]
	}
	return n
}

// End is what is to be written behind the last octet of a counted text: a CR
// that is held back still is a bare one.
func (t *Text) End() (tail string) {
	if t.at != behindCR {
		return ""
	}
	t.at, t.Irregular = madeStart, true
	return crlf
}

// clean returns how many bytes from the front of src are lines as they should
// be. It stops at a dot at the beginning of a line, a CR that no LF follows
// (yet), a bare LF, and a NUL. The place is left as it is behind them.
func (t *Text) clean(src []byte) int {
	if t.Form == Binary {
		return len(src)
	}
	n := 0
	for n < len(src) {
		if t.at == lineStart {
			n += t.cleanLines(src[n:min(n+lookAhead, len(src))])
		}
		if n == len(src) || t.at == lineStart && t.isSign(src[n]) {
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
// begins at a line, if they are all as they should be, and 0 otherwise. It looks
// for the LF of each line, and for the rest in all lines at once: if a CR stands
// before each LF, and there are as many CR as LF, no CR is bare.
func (t *Text) cleanLines(src []byte) int {
	n, lines := 0, 0
	for n < len(src) && !t.isSign(src[n]) {
		lf := bytes.IndexByte(src[n:], '\n')
		if lf < 0 {
			break
		}
		if lf == 0 || src[n+lf-1] != '\r' {
			return 0
		}
		n += lf + 1
		lines++
	}
	if lines < 2 || bytes.Count(src[:n], cr) != lines || bytes.IndexByte(src[:n], 0) >= 0 {
		return 0
	}
	return n
}

var cr = []byte{'\r'}

// lookAhead bounds what cleanLines looks at, in bytes: it may find an odd byte at
// the end and be called again for the next line.
const lookAhead = 2048

// longestLine is that of RFC 5321 §4.5.3.1.6, in bytes: no further is looked
// ahead, as a text of nothing but odd bytes would have it all looked at for
// each of them.
const longestLine = 1000

// isSign reports whether b, at the beginning of a line, is a dot that is not
// the text's own.
func (t *Text) isSign(b byte) bool { return b == '.' && t.Form == Stuffed }

// step takes the byte b at a place where clean has stopped or has no say, and
// returns what is to be written for it and what was held back.
func (t *Text) step(b byte) (out string, end bool) {
	switch t.at {
	case lineStart:
		if t.isSign(b) {
			t.at = behindDot
			return "", false
		}
	case madeStart:
		if t.isSign(b) {
			t.at = inLine
			return "..", false
		}
	case behindCR:
		if b == '\n' {
			t.at = lineStart
			return crlf, false
		}
		return t.mend(crlf, b)
	case behindDot:
		switch b {
		case '\r':
			t.at = behindDotCR
			return "", false
		case '\n', 0:
			return t.mend("", b)
		}
		t.at = inLine
		return stuffed[b], false
	case behindDotCR:
		if b == '\n' {
			t.at = lineStart
			return Dot, true
		}
		return t.mend(crlf, b)
	}
	return t.plain(b)
}

// mend writes what is due for a bare CR, or for a dot that stands in front of
// a bare LF, and takes b as the beginning of a line that we have made.
func (t *Text) mend(due string, b byte) (out string, end bool) {
	t.Irregular = true
	t.at = madeStart
	out, end = t.step(b)
	return due + out, end
}

// plain takes a byte that means the same at every other place.
func (t *Text) plain(b byte) (out string, end bool) {
	switch b {
	case '\r':
		t.at = behindCR
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

// single and stuffed hold each byte, alone and behind a dot.
var single, stuffed = byteStrings("."), byteStrings("..")

func byteStrings(pattern string) (table [256]string) {
	for b := range table {
		table[b] = pattern[1:] + string([]byte{byte(b)})
	}
	return table
}
