package sieve

import (
	"errors"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/internal/wire"
)

// token is one word of the grammar of RFC 5804 §4.
type token struct {
	kind kind
	text string // without quotes, escapes and counts
}

type kind byte

const (
	atom    kind = iota // OK, NOOP, 12
	quoted              // "…"
	literal             // {n} and n bytes
	opening             // (
	closing             // )
)

func (t token) isString() bool { return t.kind == quoted || t.kind == literal }

// String returns the token as a server sends it.
func (t token) String() string {
	switch t.kind {
	case quoted:
		return quote(t.text)
	case literal:
		return "{" + strconv.Itoa(len(t.text)) + "}\r\n" + t.text
	}
	return t.text
}

// join returns the words as a line.
func join(words []token) string {
	var line strings.Builder
	for i, word := range words {
		if i > 0 && word.kind != closing && words[i-1].kind != opening {
			line.WriteByte(' ')
		}
		line.WriteString(word.String())
	}
	return line.String()
}

func quote(text string) string { return `"` + escape.Replace(text) + `"` }

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// sender is the side that sends a literal. A client sends {n+} and never waits.
// A server sends {n}; some send {n+} too.
type sender bool

const (
	byClient sender = true
	byServer sender = false
)

var (
	errMalformed = errors.New("malformed line")
	errFraming   = errors.New("malformed literal") // it is unknown where the next command begins
	errTooLong   = errors.New("literals too long")
)

const (
	noLiteral = -1
	maxWords  = 64 // of one command or response
)

// readSentence reads the rest of a command or response whose first line has
// been read: its literals, at most limit bytes together, and the lines after
// them. Unless keep is set it discards the literals, and their tokens are
// empty. It returns errMalformed if the session can continue.
func readSentence(conn *wire.Stream, line []byte, by sender, limit int, keep bool) ([]token, error) {
	var words []token
	for start := true; ; start = false {
		more, size, err := lex(string(line), by, start)
		if err != nil {
			return nil, err
		}
		words = append(words, more...)
		switch {
		case size == noLiteral && len(words) > maxWords:
			return nil, errMalformed
		case size == noLiteral:
			return words, nil
		case size > limit || len(words) > maxWords:
			return nil, errTooLong
		}
		limit -= size
		text, err := counted(conn, size, keep)
		if err != nil {
			return nil, err
		}
		words = append(words, token{literal, text})
		if line, err = conn.ReadLine(); err != nil {
			return nil, err
		}
	}
}

// counted reads or discards the bytes of a literal.
func counted(conn *wire.Stream, size int, keep bool) (string, error) {
	if keep {
		text, err := conn.Literal(size)
		return string(text), err
	}
	for size > 0 {
		b, err := conn.Peek()
		if err != nil {
			return "", err
		}
		n := min(size, len(b))
		conn.Discard(n)
		size -= n
	}
	return "", nil
}

// lex splits a line into words. If the line announces a literal, size is its
// size, else noLiteral. A malformed line that may announce a literal is
// errFraming.
func lex(line string, by sender, start bool) (words []token, size int, err error) {
	spaced := start
	for rest := line; rest != ""; {
		if rest[0] == ' ' {
			rest, spaced = rest[1:], true
			continue
		}
		if rest[0] == '{' && spaced {
			size, err := announced(rest, by)
			return words, size, err
		}
		word, after, ok := cut(rest)
		if !ok || !spaced && word.kind != closing {
			return nil, noLiteral, malformed(line)
		}
		words = append(words, word)
		rest, spaced = after, word.kind == opening
	}
	return words, noLiteral, nil
}

func malformed(line string) error {
	if strings.HasSuffix(strings.TrimRight(line, " "), "}") {
		return errFraming
	}
	return errMalformed
}

// announced reads the announcement of a literal, which ends its line. Numbers
// have no leading zero (RFC 5804 §4). A number beyond 2 GiB is errTooLong.
func announced(text string, by sender) (size int, err error) {
	digits, ok := strings.CutSuffix(text[1:], "}")
	digits, plus := strings.CutSuffix(digits, "+")
	if !ok || by == byClient && !plus || len(digits) > 1 && digits[0] == '0' {
		return noLiteral, errFraming
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return noLiteral, errFraming
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return noLiteral, errTooLong
	}
	return int(n), nil
}

// cut removes the first word from a line.
func cut(line string) (word token, rest string, ok bool) {
	switch line[0] {
	case '(':
		return token{opening, "("}, line[1:], true
	case ')':
		return token{closing, ")"}, line[1:], true
	case '"':
		return cutQuoted(line)
	}
	n := 0
	for n < len(line) && isAtom(line[n]) {
		n++
	}
	return token{atom, line[:n]}, line[n:], n > 0
}

func cutQuoted(line string) (word token, rest string, ok bool) {
	var text strings.Builder
	for i := 1; i < len(line); i++ {
		switch c := line[i]; c {
		case '"':
			return token{quoted, text.String()}, line[i+1:], true
		case '\\':
			i++
			if i == len(line) || line[i] != '"' && line[i] != '\\' {
				return token{}, "", false
			}
			text.WriteByte(line[i])
		default:
			text.WriteByte(c)
		}
	}
	return token{}, "", false
}

func isAtom(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte(`"(){}\`, c) < 0
}
