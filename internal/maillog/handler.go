package maillog

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

// Handler is a slog.Handler whose lines are
//
//	Jan  2 15:04:05 host letterlock/smtp[1234]: message key=value ...
//
// or, where whoever reads them writes the header, what follows the first colon.
// In the header the service of a record is its tag. From warnings on the level
// stands in front of the message. Groups are not told apart: there are none in
// our log.
type Handler struct {
	mu    *sync.Mutex // for w
	w     io.Writer
	o     Options
	host  string
	attrs []slog.Attr
}

// Options say how a Handler writes.
type Options struct {
	Level  slog.Leveler // of the least important records that are written
	Header bool         // time, host and tag in front of each line
}

// New returns a Handler that writes records to w, a line each, and calls this
// machine by its first name.
func New(w io.Writer, o Options) *Handler {
	host, _, _ := strings.Cut(hostname(), ".")
	return &Handler{mu: &sync.Mutex{}, w: w, o: o, host: host}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// Enabled reports whether records of a level are written.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.o.Level.Level()
}

// Handle writes a record.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	tag := "letterlock"
	var fields strings.Builder
	field := func(a slog.Attr) bool {
		if a.Key == "service" && h.o.Header {
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
	if h.o.Header {
		line = fmt.Sprintf("%s %s %s[%d]: %s", r.Time.Format(time.Stamp), h.host, tag, os.Getpid(), line)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, line)
	return err
}

// message writes a message so that it stays on one line.
func message(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		return s
	}
	quoted := fmt.Sprintf("%q", s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// value writes a field so that it stays one word on one line.
func value(v slog.Value) string {
	s := v.Resolve().String()
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || r >= 0x7f }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// WithAttrs returns a Handler that adds fields to each record.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return &with
}

// WithGroup changes nothing: nothing here is grouped.
func (h *Handler) WithGroup(string) slog.Handler { return h }
