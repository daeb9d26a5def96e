package configs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadRecipients(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recipients")
	for text, c := range map[string]struct {
		want []string
		err  string
	}{
		"example.com\n": {[]string{"example.com"}, ""},
		"# ours\n\n Example.COM \r\n.b.example# all\n": {[]string{"example.com", ".b.example"}, ""},
		"Info@Example.net": {[]string{"Info@example.net"}, ""},
		"Bücher.example.\nBüro@xn--bcher-kva.example\n": {[]string{"xn--bcher-kva.example", "Büro@xn--bcher-kva.example"}, ""},
		"":                            {nil, "names no recipients"},
		"# nobody\n":                  {nil, "names no recipients"},
		"example.com\nexa mple.com\n": {nil, `recipients:2: "exa mple.com"`},
		"*\n":                         {nil, `recipients:1: "*"`},
		strings.Repeat("x", 1<<17):    {nil, "too long"},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadRecipients(path)
		if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%.40q: %q, %v", text, got, err)
		}
	}
	if _, err := ReadRecipients(path + ".none"); err == nil {
		t.Error("a missing file was read")
	}
}

// A file that is too long is refused as a whole: otherwise the recipients after
// its bound would be refused silently.
func TestRecipientsFileIsTooLong(t *testing.T) {
	const text = "a.example\nb.example\n"
	for size, fits := range map[int]bool{len(text): true, len(text) - 1: false, len(text) - 3: false, 10: false, 0: false} {
		got, err := parseRecipients("recipients", &bounded{strings.NewReader(text), size})
		if fits != (err == nil) || fits != (len(got) == 2) || !fits && !errors.Is(err, errRecipientsLong) {
			t.Errorf("%d bytes: %q, %v", size, got, err)
		}
	}
}

func FuzzRecipients(f *testing.F) {
	f.Add("example.com\n# x\n.example.org\ninfo@example.net\n")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseRecipients("f", strings.NewReader(text))
		for _, entry := range entries {
			if err != nil || legalRecipient(entry) != nil {
				t.Errorf("%q was accepted, %v", entry, err)
			}
		}
	})
}
