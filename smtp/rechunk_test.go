package smtp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/mta"
)

// taker is a backend that accepts all commands and keeps the chunks.
type taker struct {
	net.Conn
	offers   string
	line     []byte
	left     int
	last     bool
	message  bytes.Buffer // the current message
	messages []string
	chunks   int
	unread   int // the maximum number of unread replies
	due      bytes.Buffer
	forgets  bool // texts are not kept
}

func newTaker(offers ...string) *taker {
	t := &taker{offers: "250-legacy\r\n250-" + strings.Join(offers, "\r\n250-") + "\r\n250 CHUNKING\r\n"}
	t.due.WriteString("220 legacy\r\n")
	return t
}

func (t *taker) SetReadDeadline(time.Time) error  { return nil }
func (t *taker) SetWriteDeadline(time.Time) error { return nil }
func (t *taker) Read(p []byte) (int, error)       { return t.due.Read(p) }

func (t *taker) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if t.left > 0 {
			n := min(t.left, len(rest))
			if !t.forgets {
				t.message.Write(rest[:n])
			}
			rest = rest[n:]
			t.took(n)
			continue
		}
		line, behind, found := bytes.Cut(rest, []byte("\r\n"))
		rest = behind
		if t.line = append(t.line, line...); found {
			t.execute(string(t.line))
			t.line = t.line[:0]
		}
	}
	return len(p), nil
}

func (t *taker) took(n int) {
	if t.left -= n; t.left > 0 {
		return
	}
	t.chunks++
	if t.last {
		t.messages = append(t.messages, t.message.String())
		t.message.Reset()
	}
	t.send("250 2.0.0 octets\r\n")
}

func (t *taker) execute(line string) {
	size, isChunk := strings.CutPrefix(line, "BDAT ")
	switch {
	case isChunk:
		size, t.last = strings.CutSuffix(size, " LAST")
		t.left, _ = strconv.Atoi(size)
		switch {
		case t.left > 0:
		case t.last:
			t.took(0)
		default:
			t.send("551 5.7.1 Null BDAT request\r\n") // as Postfix does
		}
	case strings.HasPrefix(line, "EHLO"):
		t.send(t.offers)
	default:
		t.send("250 2.0.0 ok\r\n")
	}
}

func (t *taker) send(reply string) {
	t.due.WriteString(reply)
	t.unread = max(t.unread, bytes.Count(t.due.Bytes(), []byte("250 ")))
}

// TestChunksArriveNormalised checks that the backend gets the normalised
// message, for all ways to cut messages into chunks and chunks into reads.
func TestChunksArriveNormalised(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 400 {
		var said strings.Builder
		var want []string
		said.WriteString("EHLO client.example\r\n")
		for range 1 + random.IntN(3) {
			text, sent := babble(random)+strings.Repeat(babble(random), random.IntN(40)), 0
			said.WriteString(transaction)
			for last := false; !last; {
				n := min(len(text)-sent, 1+random.IntN(1+random.IntN(1+len(text))))
				end := ""
				if last = n == 0 || random.IntN(4) == 0; last {
					n, end = len(text)-sent, " LAST"
				}
				fmt.Fprintf(&said, "BDAT %d%s\r\n%s", n, end, text[sent:sent+n])
				sent += n
			}
			want = append(want, mta.Regular(text))
		}
		said.WriteString("QUIT\r\n")
		back := newTaker([]string{"PIPELINING", "8BITMIME"}[random.IntN(2)])
		most := 1 + random.IntN(1+random.IntN(100))
		c := &caller{text: []byte(said.String()), cut: func([]byte) int { return 1 + random.IntN(most) }}
		err := converse(New(facts(), Options{}), c, back, false)
		if gate.ReasonOf(err) != gate.Done || fmt.Sprintf("%q", back.messages) != fmt.Sprintf("%q", want) {
			t.Fatalf("sent %q, which has arrived as %q, want %q; ended: %v", said.String(), back.messages, want, err)
		}
		if limit := map[bool]int{true: maxPending, false: 1}[strings.Contains(back.offers, "PIPELINING")]; back.unread > limit+1 {
			t.Fatalf("%d replies were unread at once", back.unread)
		}
	}
}

// BenchmarkBDAT forwards a message in one chunk: with regular lines, with lines
// that are normalised, and as BINARYMIME.
func BenchmarkBDAT(b *testing.B) {
	const line = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
	for _, test := range []struct{ name, body, line string }{
		{"lines", "8BITMIME", line + "\r\n"},
		{"bare LF", "8BITMIME", line + "\n"},
		{"binary", "BINARYMIME", line + "\r\n"},
	} {
		for _, size := range []int{36 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s, %d KiB", test.name, size>>10), func(b *testing.B) {
				text := strings.Repeat(test.line, size/len(test.line))
				said := fmt.Sprintf("EHLO a\r\nMAIL FROM:<a@example.org> BODY=%s\r\nRCPT TO:<b@example.com>\r\nBDAT %d LAST\r\n%s", test.body, len(text), text)
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					back := newTaker("PIPELINING", "BINARYMIME")
					back.forgets = true
					_ = converse(New(facts(), Options{}), &caller{text: []byte(said), cut: func(text []byte) int { return len(text) }}, back, false)
					if len(back.messages) != 1 {
						b.Fatal("it has not arrived")
					}
				}
			})
		}
	}
}
