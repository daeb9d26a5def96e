package loghandler

import (
	"encoding"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Whole is a value that this program has created and that is useless if it is
// truncated, such as a stack or the remedy for an error. It may have maxWhole
// bytes. It must not contain bytes of a client or a backend.
type Whole string

// Long is a value that comes from outside and may be four times as long as
// others: a reply with several lines.
type Long string

const (
	maxWhole = 16 << 10

	// ownWords is the number of bytes of the program's own text in a message,
	// in addition to a value from outside.
	ownWords = 256

	maxItems = 40 // in a list
	maxDepth = 4  // of nested groups
)

// cutter truncates values to a number of bytes, as written in any of the
// formats.
type cutter int

// record returns a copy of r with all values truncated.
func (c cutter) record(r slog.Record) slog.Record {
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, slog.Attr{Key: a.Key, Value: c.value(a.Value, maxDepth)})
		return true
	})
	short := slog.NewRecord(r.Time, r.Level, cut(r.Message, int(c)+ownWords), r.PC)
	short.AddAttrs(attrs...)
	return short
}

// value truncates the value of an attribute. Everything but numbers and times
// is converted to text, because text that a format creates later could not be
// truncated.
func (c cutter) value(v slog.Value, depth int) slog.Value {
	switch v = v.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.StringValue(cut(v.String(), int(c)))
	case slog.KindAny:
		return c.any(v)
	case slog.KindGroup:
		if depth == 0 {
			return slog.StringValue("...")
		}
		members := make([]slog.Attr, 0, len(v.Group()))
		for _, a := range v.Group()[:min(len(v.Group()), maxItems)] {
			members = append(members, slog.Attr{Key: a.Key, Value: c.value(a.Value, depth-1)})
		}
		return slog.GroupValue(members...)
	}
	return v
}

func (c cutter) any(v slog.Value) slog.Value {
	switch x := v.Any().(type) {
	case nil:
		return v
	case Whole:
		return slog.StringValue(cut(string(x), maxWhole))
	case Long:
		return slog.StringValue(cut(string(x), 4*int(c)))
	case []string:
		return slog.StringValue(cut(List(x, Itself), int(c)))
	default:
		return slog.StringValue(cut(text(x), int(c)))
	}
}

// text returns a value's text; fmt recovers its panics.
func text(x any) (said string) {
	if m, ok := x.(encoding.TextMarshaler); ok {
		defer func() {
			if recover() != nil {
				said = fmt.Sprintf("a %T that cannot be written", x)
			}
		}()
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	return fmt.Sprintf("%+v", x)
}

// List joins the names of the first of many values, and adds how many more
// there are.
func List[T any](values []T, name func(T) string) string {
	names := make([]string, 0, min(len(values), maxItems+1))
	for _, v := range values[:min(len(values), maxItems)] {
		names = append(names, name(v))
	}
	if more := len(values) - maxItems; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ",")
}

// Itself returns a value that is its own name, for List.
func Itself(name string) string { return name }

// cut returns as much of s as may be written in limit bytes, without quotes.
// The number of missing bytes is at the end, within the limit.
func cut(s string, limit int) string {
	if len(s) <= limit && !strings.ContainsFunc(s, escaped) {
		return s // the usual case
	}
	mark := fmt.Sprintf("...(%d more bytes)", len(s)) // the final mark may be shorter
	fits, total := 0, 0                               // bytes of s that leave room for the mark; bytes written
	for i, r := range s {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(s[i:])
		}
		total += written(r, size)
		if total+len(mark) <= limit {
			fits = i + size
		}
		if total > limit {
			return s[:fits] + fmt.Sprintf("...(%d more bytes)", len(s)-fits)
		}
	}
	return s
}

// escaped reports whether a rune is longer when it is written.
func escaped(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }

// written returns the length of a rune in the longest format: JSON escapes a
// control character with six bytes, Go's quotes with six or ten.
func written(r rune, size int) int {
	switch {
	case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t':
		return 2
	case r == utf8.RuneError && size == 1:
		return len(`\ufffd`)
	case unicode.IsPrint(r):
		return size
	case r > 0xffff:
		return len(`\U0010ffff`)
	}
	return len(`\u0000`)
}
