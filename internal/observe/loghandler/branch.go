package loghandler

import (
	"context"
	"log/slog"
	"slices"
)

// branch is a Handler with attributes or groups, as Logger.With returns it. It
// keeps them unformatted, so that the Handler can change its format later.
type branch struct {
	log   *Handler
	steps []step // outermost first
}

// step is one call of WithAttrs or WithGroup.
type step struct {
	group string // empty: attrs
	attrs []slog.Attr
}

func (b branch) Enabled(ctx context.Context, level slog.Level) bool {
	return b.log.Enabled(ctx, level)
}

// Handle passes the record with all attributes and groups to the Handler.
func (b branch) Handle(ctx context.Context, r slog.Record) error {
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for _, s := range slices.Backward(b.steps) {
		if s.group != "" {
			attrs = []slog.Attr{{Key: s.group, Value: slog.GroupValue(attrs...)}}
			continue
		}
		attrs = slices.Concat(s.attrs, attrs)
	}
	whole := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	whole.AddAttrs(attrs...)
	return b.log.Handle(ctx, whole)
}

func (b branch) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return b
	}
	return b.with(step{attrs: attrs})
}

func (b branch) WithGroup(name string) slog.Handler {
	if name == "" {
		return b
	}
	return b.with(step{group: name})
}

func (b branch) with(s step) branch {
	return branch{b.log, append(slices.Clone(b.steps), s)}
}
