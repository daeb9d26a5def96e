package loghandler

import (
	"encoding"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Whole is a value that this program has made and that is useless if it is cut, such
// as a stack or the remedy for an error. It may have maxWhole bytes. It must not
// contain bytes of a client or a backend.
type Whole string

// Long is a value that comes from outside and may be four times as long as
// others: a reply with several lines.
type Long string

const (
	maxWhole = 16 << 10

	// ownWords is the number of bytes of our own words in a message, beside a value
	// from outside.
	ownWords = 256

	maxItems = 40 // of a list
	maxDepth = 4  // of groups in groups
)

// cutter cuts values so that none, as any of the formats writes it, has more
// bytes than it says.
type cutter int

// record returns a copy of r in which everything is cut.
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

// value cuts whatever an attribute holds. All but numbers and times becomes
// text here: what a format would make of it later could not be cut any more.
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

// text is what a value says of itself; fmt catches its panics.
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

// List joins the names of the first of many values, and says how many more
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

// Itself is the name of a value that is a name, for List.
func Itself(name string) string { return name }

// cut returns as much of s as may be written in limit bytes, quotes aside. The
// number of missing bytes stands at the end, within the limit.
func cut(s string, limit int) string {
	if len(s) <= limit && !strings.ContainsFunc(s, escaped) {
		return s // as nearly always
	}
	mark := fmt.Sprintf("...(%d more bytes)", len(s)) // or shorter
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

// escaped reports whether a rune takes more bytes than in the value itself.
func escaped(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }

// written returns the number of bytes that a rune takes in the longest format: JSON
// escapes a control character with six bytes, Go's quotes with six or ten.
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
