package proxy

import (
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/wire"
)

// read is Read below the turns of a handshake. Where TLS has to be what the
// connection begins with, it fails with a wire.Foreign error as soon as the
// first bytes are something else. Nothing is said to such a client: of an alert
// it could make no more than of silence, and of plaintext there is none on a
// port for TLS.
func (c *heardConn) read(p []byte) (n int, err error) {
	if !c.turn.first {
		return c.Records.Read(p)
	}
	c.turn.first = false
	for n < len(p) {
		more, err := c.Records.Read(p[n:])
		n += more
		if n == 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		protocol, decided := wire.Recognise(p[:n])
		switch {
		case protocol == wire.TLS || protocol == wire.SSLv2: // crypto/tls knows how to refuse that
			return n, nil
		case protocol != wire.Unrecognised:
			return 0, wire.Foreign{Protocol: protocol}
		case decided && p[0] < 0x80:
			return 0, wire.Foreign{Protocol: wire.Plaintext}
		case decided || err != nil:
			return n, nil
		}
	}
	return n, nil
}

// ForeignLog keeps clients that speak another protocol from filling the log. They
// are scanners for the most part, and what a few of them do says all that there
// is to know. The zero value is ready for use; nil lets every line pass.
type ForeignLog struct {
	mu     sync.Mutex
	minute int64
	lines  int
	seen   map[kind]*told
}

// told counts the lines of a kind in this minute, and those that were left out
// since the last one.
type told struct{ lines, dropped int }

// kind is what an administrator would do something about.
type kind struct {
	listener string
	reason   gate.Reason
}

const (
	linesPerKind   = 3 // in each minute
	linesOfForeign = 20
)

// fields are those that the line of a session gets in addition; ok is false if
// there should be no line.
func (f *ForeignLog) fields(l *Listener, r gate.Reason, now time.Time) (fields []slog.Attr, ok bool) {
	dropped, ok := f.pass(kind{l.String(), r}, now)
	fields = []slog.Attr{slog.String("listener", l.String()), slog.String("remedy", r.Remedy())}
	if dropped > 0 {
		fields = append(fields, slog.Int("not_logged_before", dropped))
	}
	return fields, ok
}

func (f *ForeignLog) pass(k kind, now time.Time) (dropped int, ok bool) {
	if f == nil {
		return 0, true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = make(map[kind]*told)
	}
	if minute := now.Unix() / 60; minute != f.minute {
		f.minute, f.lines = minute, 0
		for k, of := range f.seen {
			if of.lines = 0; of.dropped == 0 {
				delete(f.seen, k)
			}
		}
	}
	of := f.seen[k]
	if of == nil {
		of = &told{}
		f.seen[k] = of
	}
	if of.lines >= linesPerKind || f.lines >= linesOfForeign {
		of.dropped++
		return 0, false
	}
	dropped = of.dropped
	of.lines, of.dropped = of.lines+1, 0
	f.lines++
	return dropped, true
}
