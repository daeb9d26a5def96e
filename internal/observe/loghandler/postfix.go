package loghandler

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// postfix is a slog.Handler that writes lines in the form of Postfix's lines in
// syslog, so that tools which count Postfix's lines also count these:
//
//	Jan  2 15:04:05 host letterlock/smtp[1234]: message key=value ...
//
// Without header it writes the part after the first colon, and the reader of
// the log, such as the journal, adds the rest. In the header the service of a
// record is its tag. From level warning on, the level precedes the message.
// Groups are ignored: the program's log has none.
type postfix struct {
	mu     *sync.Mutex // for w
	w      io.Writer
	level  slog.Level // the minimum level of written records
	header bool       // time, host and tag before each line
	host   string
	attrs  []slog.Attr
}

// newPostfix returns a postfix that writes to w, a line for each record. The
// header has the first label of this machine's name.
func newPostfix(w io.Writer, level slog.Level, header bool) *postfix {
	host, _, _ := strings.Cut(hostname(), ".")
	return &postfix{mu: &sync.Mutex{}, w: w, level: level, header: header, host: host}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// Enabled reports whether records of a level are written.
func (h *postfix) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level
}

// Handle writes a record.
func (h *postfix) Handle(_ context.Context, r slog.Record) error {
	tag := "letterlock"
	var fields strings.Builder
	field := func(a slog.Attr) bool {
		if a.Key == "service" && h.header {
			tag = "letterlock/" + a.Value.String()
			return true
		}
		fmt.Fprintf(&fields, " %s=%s", a.Key, value(a.Value))
		return true
	}
	for _, a := range h.attrs {
		field(a)
	}
	r.Attrs(field)
	level := ""
	if r.Level > slog.LevelInfo {
		level = strings.ToLower(r.Level.String()) + ": "
	}
	line := level + message(r.Message) + fields.String() + "\n"
	if h.header {
		line = fmt.Sprintf("%s %s %s[%d]: %s", r.Time.Format(time.Stamp), h.host, tag, os.Getpid(), line)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, line)
	return err
}

// message returns a message in a form that stays on one line.
func message(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		return s
	}
	quoted := fmt.Sprintf("%q", s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// value returns a field in a form that stays one word on one line.
func value(v slog.Value) string {
	s := v.Resolve().String()
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || r >= 0x7f }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// WithAttrs returns a handler that adds fields to each record.
func (h *postfix) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return &with
}

// WithGroup changes nothing, because groups are ignored.
func (h *postfix) WithGroup(string) slog.Handler { return h }
