package yamltext

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// A string is read as it was written, whatever is in it.
func TestString(t *testing.T) {
	for _, text := range []string{
		"mail.example.com", "10.0.0.5:143", "[::1]:25", "yes", "No", "1.2", "", " ", "a: b", "# x", "it's", `a "b"`, "a\nb", "tab\there", "\u2028", "é", "*", "&a", "!b", "-", "~", "null", "0x1f", "@example.com", "%x", "`", "a\\b", "😀",
	} {
		var all []string
		if err := yaml.Unmarshal([]byte(Strings([]string{text, "b"})), &all); err != nil || len(all) != 2 || all[0] != text {
			t.Errorf("%q becomes %q: %v", text, all, err)
		}
	}
}

// A comment has lines of bounded length, and nothing ends it.
func TestComment(t *testing.T) {
	text := Comment("  ", strings.Repeat("word ", 50)+"x\u2028listeners: []\u0085y: 1")
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "  #") || len(line) > width+1 {
			t.Errorf("%q", line)
		}
	}
	if strings.ContainsAny(text, "\u2028\u0085\r") {
		t.Errorf("%q", text)
	}
}
