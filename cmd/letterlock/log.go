package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/letterlock/letterlock/configs"
)

// newLog makes the log that the configuration asks for.
func newLog(w io.Writer, l configs.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // checked when the configuration was loaded
	options := &slog.HandlerOptions{Level: level}
	switch l.Format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options))
	case "postfix":
		host, _, _ := strings.Cut(hostname(), ".")
		return slog.New(&syslogHandler{w: w, mu: &sync.Mutex{}, level: level, host: host})
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// syslogHandler writes lines in the shape that syslog gives to Postfix's, so
// that the pipelines of postmasters count ours too.
type syslogHandler struct {
	w     io.Writer
	mu    *sync.Mutex
	level slog.Level
	host  string
	attrs []slog.Attr
}

func (h *syslogHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *syslogHandler) Handle(_ context.Context, r slog.Record) error {
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

func (h *syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return &with
}

// WithGroup changes nothing: nothing here is grouped.
func (h *syslogHandler) WithGroup(string) slog.Handler { return h }
