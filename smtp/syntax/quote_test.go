package syntax

import (
	"strings"
	"testing"
)

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"250 2.0.0 ok": "250 2.0.0 ok",
		"550-5.7.1 not\r\n550-5.7.1 from\r\n550 5.7.1 there\r\n": "550 5.7.1 not from there",
		"550-not\r\n550 5.7.1 from there":                        "550 not 5.7.1 from there",
		"550-5.7.1 a\r\n550\r\n":                                 "550 5.7.1 a",
		"550":                                                    "550", "": "",
		"550-a\r\n550 \xff\x00b": "550 a ??b",
	} {
		if got := OneLine(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := OneLine(strings.Repeat("550-"+strings.Repeat("x", 300)+"\r\n", 100)); len(got) != MaxLogged {
		t.Errorf("%d bytes are logged", len(got))
	}
}
