package configs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse checks that Parse returns, for any text, a configuration that
// passes a second check and can be described, or errors with existing
// positions.
func FuzzParse(f *testing.F) {
	f.Add([]byte(reference))
	for _, pattern := range []string{"testdata/bad/*.yaml", "examples/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	m := Elsewhere("mail.example.com")
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := m.Parse("fuzz.yaml", text)
		var all Errors
		switch {
		case errors.As(err, &all):
			checkPlaces(t, all, bytes.Count(text, []byte("\n"))+len(text)+1)
		case err != nil:
			t.Fatal(err)
		default:
			checkAgain(t, c, m)
		}
	})
}

func checkPlaces(t *testing.T, all Errors, lines int) {
	if len(all) == 0 || len(all) > maxErrors || all.Error() == "" {
		t.Fatalf("%d errors", len(all))
	}
	for _, e := range all {
		if e.Problem == "" || e.Line < 0 || e.Line > lines || e.Caret < 0 {
			t.Fatalf("%+v", e)
		}
	}
}

func checkAgain(t *testing.T, c *Config, m Machine) {
	r := report{findings: newFindings("", nil)}
	c.complete(m, ".")
	c.check(m, r)
	if len(r.errors) > 0 {
		t.Fatalf("%+v\n%v", c, r.errors)
	}
	if Describe(c) == "" {
		t.Fatal("not described")
	}
	for _, l := range c.Listeners {
		if _, err := c.PolicyOf(l); err != nil && l.OffersTLS() {
			t.Fatal(err)
		}
	}
	Warnings(c)
}

// FuzzDistance checks that every word has distance 0 to itself, and that
// distance is symmetric.
func FuzzDistance(f *testing.F) {
	f.Add("smtp", "smpt")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 100 || len(b) > 100 {
			return
		}
		if distance(a, a) != 0 || distance(a, b) != distance(b, a) || distance(a, b) > max(len(a), len(b)) {
			t.Errorf("%q %q: %d, %d", a, b, distance(a, b), distance(b, a))
		}
	})
}
