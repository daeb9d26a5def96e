package packaging

import (
	"os"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// The configuration that the packages install can be used as it is, and also
// with all of its lines that are comments for a choice.
func TestStartOfAConfiguration(t *testing.T) {
	if _, err := configs.Elsewhere("mail.example.com").Load("letterlock.yaml"); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile("letterlock.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for line := range strings.Lines(string(text)) {
		if choice, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(choice, " 1.") && (!strings.HasPrefix(choice, " ") || strings.HasPrefix(choice, "  ")) {
			line = choice
		}
		all.WriteString(line)
	}
	c, err := configs.Elsewhere("").Parse("letterlock.yaml", []byte(all.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, all.String())
	}
	if len(c.Listeners) < 5 || c.ACME == nil || len(c.Certificates) == 0 {
		t.Errorf("not all choices are taken:\n%s", all.String())
	}
}
