package smtp

import (
	"strings"
	"testing"
)

// TestHandoverLines checks that two long DNS names are sent in two lines.
func TestHandoverLines(t *testing.T) {
	long := strings.Repeat("a.", 127) + "a"
	facts := []fact{{"ADDR", "192.0.2.1"}, {"NAME", long}, {"REVERSE_NAME", long}, {"HELO", "a\r\nRCPT"}, {"LOGIN", "alice"}}
	got := lines("XCLIENT", []string{"ADDR", "NAME", "REVERSE_NAME", "HELO"}, facts)
	want := []string{
		"XCLIENT ADDR=192.0.2.1 NAME=" + long,
		"XCLIENT REVERSE_NAME=" + long + " HELO=[UNAVAILABLE]",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the lines are %q, hoped for %q", got, want)
	}
}
