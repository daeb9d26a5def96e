package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/configs"
)

// newLog makes the log that the configuration asks for; see changeLog.
func newLog(w io.Writer, l configs.Log) *slog.Logger {
	h := &changeable{w: w}
	h.change(l)
	return slog.New(h)
}

// changeLog lets a log that newLog has made go on as another configuration asks.
func changeLog(log *slog.Logger, l configs.Log) {
	if h, ok := log.Handler().(*changeable); ok {
		h.change(l)
	}
}

// changeable hands on to a handler that can be replaced.
type changeable struct {
	w   io.Writer
	now atomic.Pointer[slog.Handler]
}

func (h *changeable) change(l configs.Log) {
	next := handlerOf(h.w, l)
	h.now.Store(&next)
}

func (h *changeable) handler() slog.Handler { return *h.now.Load() }

// Enabled and the others do as the handler of the moment.
func (h *changeable) Enabled(ctx context.Context, l slog.Level) bool {
	return h.handler().Enabled(ctx, l)
}
func (h *changeable) Handle(ctx context.Context, r slog.Record) error {
	return h.handler().Handle(ctx, r)
}
func (h *changeable) WithAttrs(attrs []slog.Attr) slog.Handler { return h.handler().WithAttrs(attrs) }
func (h *changeable) WithGroup(name string) slog.Handler       { return h.handler().WithGroup(name) }

func handlerOf(w io.Writer, l configs.Log) slog.Handler {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // checked when the configuration was loaded
	options := &slog.HandlerOptions{Level: level}
	switch l.Format {
	case "json":
		return slog.NewJSONHandler(w, options)
	case "postfix":
		host, _, _ := strings.Cut(hostname(), ".")
		return &syslogHandler{w: w, mu: &sync.Mutex{}, level: level, host: host}
	}
	return slog.NewTextHandler(w, options)
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
