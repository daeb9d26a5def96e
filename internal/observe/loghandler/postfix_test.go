package loghandler

import (
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	var out strings.Builder
	log := slog.New(newPostfix(&out, slog.LevelInfo, true))
	log.Debug("not written")
	log.With("service", "smtp").Info("session", "user", "alice", "tls", "none")
	log.Warn("careful", "empty", "", "words", "two words", "assignment", "a=b", "quote", `a"b`, "n", 5)
	log.With("a", 1).WithGroup("g").Error("broken", "b", 2)
	head := fmt.Sprintf(`^\w{3} [ \d]\d \d\d:\d\d:\d\d [\w-]+ (letterlock(?:/smtp)?)\[%d\]: (.*)$`, os.Getpid())
	want := []string{
		"letterlock/smtp session user=alice tls=none",
		`letterlock warn: careful empty="" words="two words" assignment="a=b" quote="a\"b" n=5`,
		"letterlock error: broken a=1 b=2",
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, line := range lines {
		m := regexp.MustCompile(head).FindStringSubmatch(line)
		if m == nil || m[1]+" "+m[2] != want[i] {
			t.Errorf("%q is not %q", line, want[i])
		}
	}
}

// If the reader adds the header, the service is a field like others.
func TestLinesWithoutHeader(t *testing.T) {
	var out strings.Builder
	log := slog.New(newPostfix(&out, slog.LevelInfo, false))
	log.Info("session", "service", "smtp", "tls", "none")
	log.Error("broken")
	if got, want := out.String(), "session service=smtp tls=none\nerror: broken\n"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

// Pipelines count columns: those of a file with headers, and those of a
// journal, which adds its own header.
func TestColumns(t *testing.T) {
	for header, prefix := range map[bool]string{true: "", false: "Nov 21 12:00:00 mail letterlock[812]: "} {
		var out strings.Builder
		log := slog.New(newPostfix(&out, slog.LevelInfo, header))
		log.Info("Anonymous TLS connection established from mx.example.net[192.0.2.1]: TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits)", "service", "smtp")
		columns := strings.Fields(prefix + out.String())
		if got := strings.Join(columns[11:15], " "); got != "TLSv1.3 with cipher TLS_AES_128_GCM_SHA256" {
			t.Errorf("header %v: %q", header, got)
		}
	}
}

// No character of a field ends the line or controls a terminal.
func TestFieldsAreWords(t *testing.T) {
	for _, s := range []string{"a\nb", "a\r\nb", "a\x1b[2Jb", "\xff\xfe", "a\u2028b", "a\u0085b", "\x7f", "\u202eb"} {
		var out strings.Builder
		slog.New(newPostfix(&out, slog.LevelInfo, true)).Info("m "+s, "user", s)
		if strings.Count(out.String(), "\n") != 1 || strings.ContainsFunc(out.String(), func(r rune) bool { return r != '\n' && (r < ' ' || r >= 0x7f) }) {
			t.Errorf("%q is written as %q", s, out.String())
		}
	}
}
