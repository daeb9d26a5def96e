package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/maillog"
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
		return maillog.New(w, maillog.Options{Level: level, Header: true})
	}
	return slog.NewTextHandler(w, options)
}
