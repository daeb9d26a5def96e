package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/test/guide"
)

// Importing the configurations in the guide gives the results that the guide shows.
func TestGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/guides/moving.md")
	if err != nil {
		t.Fatal(err)
	}
	files, compared := map[string][]File{}, 0
	for _, b := range guide.Blocks(string(text)) {
		if b.File != "" {
			files[b.Section] = append(files[b.Section], File{Name: filepath.Base(b.File), Text: []byte(b.Text)})
		}
		if b.Language != "yaml" || len(files[b.Section]) == 0 {
			continue
		}
		compared++
		o := Options{Hostname: "mail.example.com", Backend: map[string]string{"nginx": "10.0.0.5"}[b.Section]}
		imported, err := Read(files[b.Section], o)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := listenersOf(t, imported.YAML()), listenersOf(t, b.Text); got != want {
			t.Errorf("%s: imported are\n%sand not\n%s", b.Section, got, want)
		}
	}
	if compared < 2 {
		t.Errorf("only %d configurations are compared", compared)
	}
}

// listenersOf shows the listeners of a configuration, a line each.
func listenersOf(t *testing.T, text string) string {
	t.Helper()
	c, err := configs.Elsewhere("mail.example.com").Parse("letterlock.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var b strings.Builder
	for _, l := range c.Listeners {
		fmt.Fprintln(&b, l.Service, l.Listen, l.Backend, l.Handover, l.Routes)
	}
	return b.String()
}
