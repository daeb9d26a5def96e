package loghandler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/letterlock/letterlock/internal/test/wait"
)

const patience = 10 * time.Second

// wide are options that omit no line.
func wide(format string) Options {
	return Options{Format: format, Header: true, MaxValue: 256, Rates: Rates{Client: 1 << 30, Network: 1 << 30, Total: 1 << 30}}
}

var formats = []string{"text", "json", "postfix"}

// newLog returns a log that writes to a text, until the test ends.
func newLog(t *testing.T, o Options) (*Handler, *slog.Logger, func() string) {
	t.Helper()
	out := &wait.Log{}
	l := New(out, o)
	t.Cleanup(func() { l.Close(patience) })
	return l, slog.New(l), func() string {
		l.Flush(patience)
		return out.String()
	}
}

// chatty is a text that is returned by one of the interfaces for a value's
// text.
type (
	chattyError  struct{ text string }
	chattyText   struct{ text string }
	chattyString struct{ text string }
	chattyValue  struct{ text string }
	chattyStruct struct{ Text string }
	panicking    struct{}
)

func (c chattyError) Error() string               { return c.text }
func (c chattyText) MarshalText() ([]byte, error) { return []byte(c.text), nil }
func (c chattyString) String() string             { return c.text }
func (c chattyValue) LogValue() slog.Value        { return slog.StringValue(c.text) }
func (panicking) MarshalText() ([]byte, error)    { panic("no") }

// attrsOf returns attributes of all kinds.
func attrsOf(long string) []slog.Attr {
	return []slog.Attr{
		slog.String("string", long), slog.Any("bytes", []byte(long)), slog.Any("list", []string{long, long}), slog.Any("struct", chattyStruct{long}),
		slog.Any("error", chattyError{long}), slog.Any("wrapped", fmt.Errorf("outer: %w", chattyError{long})), slog.Any("joined", errors.Join(chattyError{long}, io.EOF)),
		slog.Any("text", chattyText{long}), slog.Any("stringer", chattyString{long}), slog.Any("valuer", chattyValue{long}),
		slog.Group("g", slog.String("inner", long), slog.Group("h", slog.Any("error", chattyError{long}))),
		slog.Any("nothing", nil), slog.Any("panicking", panicking{}),
	}
}

// H3: no value has more bytes than allowed, in any format, whatever its type
// and however it returns its text.
func TestH3_EveryValueIsCut(t *testing.T) {
	for _, format := range formats {
		for _, rune := range []string{"a", "\"", "\\", "\x00", "\n", "\x7f", "\xff", "ü", "\u2028", "\U000e0001", "\\\""} {
			long := strings.Repeat(rune, 60_000/len(rune))
			l, log, written := newLog(t, wide(format))
			attrs := attrsOf(long)
			log.LogAttrs(context.Background(), slog.LevelInfo, "message "+long, attrs...)
			log.With("kept", long).WithGroup("group").Info("another", "field", long)
			for line := range strings.Lines(written()) {
				if limit := (len(attrs)+3)*(l.now.Load().value+40) + ownWords; len(line) > limit {
					t.Errorf("%s: %d bytes of %q are written: %.300s", format, len(line), rune, line)
				}
				if !utf8.ValidString(line) || strings.Count(line, "\n") != 1 {
					t.Errorf("%s: %q", format, line)
				}
			}
			if n := strings.Count(written(), "more bytes)"); n < 14 {
				t.Errorf("%s, %q: %d values have the mark of truncation:\n%s", format, rune, n, written())
			}
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s     string
		limit int
		want  string
	}{
		{"", 64, ""},
		{strings.Repeat("a", 64), 64, strings.Repeat("a", 64)},
		{strings.Repeat("a", 65), 64, strings.Repeat("a", 46) + "...(19 more bytes)"},
		{strings.Repeat("ü", 33), 64, strings.Repeat("ü", 23) + "...(20 more bytes)"},
		{strings.Repeat("\x00", 10), 64, strings.Repeat("\x00", 10)},
		{strings.Repeat("\x00", 11), 64, strings.Repeat("\x00", 7) + "...(4 more bytes)"},
		{strings.Repeat("\xff", 11), 64, strings.Repeat("\xff", 7) + "...(4 more bytes)"},
	} {
		got := cut(c.s, c.limit)
		if got != c.want {
			t.Errorf("%q in %d bytes is %q, not %q", c.s, c.limit, got, c.want)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("alice\x00\xff\"", 64)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 64 + max(0, limit)%1000
		s = strings.Repeat(s, 20)
		got := cut(s, limit)
		if got == s {
			return
		}
		head, rest, ok := strings.Cut(got, "...(")
		var more int
		if _, err := fmt.Sscanf(rest, "%d more bytes)", &more); !ok || err != nil && !strings.Contains(s, "...(") {
			t.Fatalf("%q", got)
		}
		if !strings.Contains(s, "...(") && (len(head)+more != len(s) || !strings.HasPrefix(s, head)) {
			t.Errorf("%d and %d bytes of %d", len(head), more, len(s))
		}
		for _, format := range formats {
			var out bytes.Buffer
			h := map[string]slog.Handler{"text": slog.NewTextHandler(&out, nil), "json": slog.NewJSONHandler(&out, nil)}[format]
			if h == nil {
				continue
			}
			slog.New(h).Info("", "VALUE", got)
			_, value, _ := strings.Cut(out.String(), "VALUE")
			if n := len(value) - len(`":""}`+"\n"); n > limit {
				t.Errorf("%s: %d bytes, not %d: %q", format, n, limit, value)
			}
		}
	})
}

// Values of the program itself are logged whole, if the log call marks them.
func TestWhole(t *testing.T) {
	for _, format := range formats {
		_, log, written := newLog(t, wide(format))
		log.Info("defect", "stack", Whole(strings.Repeat("s", 10_000)), "reply", Long(strings.Repeat("r", 1000)), "more", Whole(strings.Repeat("m", maxWhole+1)))
		for _, want := range []string{strings.Repeat("s", 10_000), strings.Repeat("r", 1000), "mmm...("} {
			if !strings.Contains(written(), want) {
				t.Errorf("%s: %.20s... is missing", format, want)
			}
		}
	}
}

// A list is limited in number before it is joined.
func TestList(t *testing.T) {
	many := make([]string, 30_000)
	for i := range many {
		many[i] = "x"
	}
	if got, want := List(many, Itself), strings.Repeat("x,", maxItems)+"and 29960 more"; got != want {
		t.Errorf("%q", got)
	}
	if got := List([]string{"imap", "pop3"}, Itself); got != "imap,pop3" {
		t.Error(got)
	}
}

// With and WithGroup behave as in slog.
func TestBranches(t *testing.T) {
	_, log, written := newLog(t, wide("json"))
	log.With("a", 1).WithGroup("g").With("b", 2).WithGroup("").With().Info("m", "c", 3)
	var got map[string]any
	if err := json.Unmarshal([]byte(written()), &got); err != nil {
		t.Fatal(err)
	}
	if group, _ := got["g"].(map[string]any); got["a"] != 1.0 || group["b"] != 2.0 || group["c"] != 3.0 {
		t.Errorf("%v", got)
	}
}

// A Handler changes its format for existing loggers.
func TestConfigure(t *testing.T) {
	l, log, written := newLog(t, wide("text"))
	with := log.With("a", 1)
	with.Debug("not yet")
	o := wide("json")
	o.Level = slog.LevelDebug
	l.Configure(o)
	with.Debug("now")
	if got := written(); !regexp.MustCompile(`^\{.*"msg":"now","a":1\}\n$`).MatchString(got) {
		t.Errorf("%q", got)
	}
}

// The journal reads the priority of a line from the number at its beginning.
func TestPriority(t *testing.T) {
	for _, format := range []string{"text", "json", "postfix"} {
		o := wide(format)
		o.Level, o.Priority = slog.LevelDebug, true
		_, log, read := newLog(t, o)
		log.Debug("a")
		log.Info("b")
		log.Warn("c")
		log.Error("d")
		lines := strings.Split(read(), "\n")
		for i, want := range []string{"<7>", "<6>", "<4>", "<3>"} {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s: %q does not begin with %s", format, lines[i], want)
			}
		}
	}
}
