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
// The service of a record is its tag; from warnings on the level stands in
// front of the message. Groups are not told apart: there are none in our log.
type Handler struct {
	mu    *sync.Mutex // for w
	w     io.Writer
	level slog.Leveler
	host  string
	attrs []slog.Attr
}

// New returns a Handler that writes records from a level on to w, a line each,
// and calls this machine by its first name.
func New(w io.Writer, level slog.Leveler) *Handler {
	host, _, _ := strings.Cut(hostname(), ".")
	return &Handler{mu: &sync.Mutex{}, w: w, level: level, host: host}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// Enabled reports whether records of a level are written.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

// Handle writes a record.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	tag := "letterlock"
	var fields strings.Builder
	field := func(a slog.Attr) bool {
		if a.Key == "service" {
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
	line := fmt.Sprintf("%s %s %s[%d]: %s%s%s\n", r.Time.Format(time.Stamp), h.host, tag, os.Getpid(), level, r.Message, fields.String())
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, line)
	return err
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
