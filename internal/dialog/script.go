package dialog

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// step is one line of a dialog.
type step struct {
	line int
	verb string // "C:", "S~", "TLS" …
	text string
}

// script is a dialog as its file gives it.
type script struct {
	options  map[string]string
	implicit bool
	steps    []step
}

var verbs = []string{"C:", "S:", "S~", "B<", "B~", "B>", "C|", "B|", "S!", "B!", "C!", "TLS"}

func load(t *testing.T, name string) script {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := script{options: map[string]string{}}
	for i, line := range strings.Split(string(text), "\n") {
		if err := s.add(i+1, line); err != nil {
			t.Fatalf("%s:%d: %v", name, i+1, err)
		}
	}
	return s
}

func (s *script) add(number int, line string) error {
	if option, ok := strings.CutPrefix(line, "option: "); ok {
		name, value, _ := strings.Cut(option, " ")
		s.options[name] = value
		return nil
	}
	switch {
	case line == "" || strings.HasPrefix(line, "#"):
		return nil
	case line == "tls: implicit":
		s.implicit = true
		return nil
	}
	for _, verb := range verbs {
		rest, ok := strings.CutPrefix(line, verb)
		if !ok {
			continue
		}
		text := expand(strings.TrimPrefix(rest, " "))
		if strings.HasSuffix(verb, "|") {
			raw, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
			if err != nil {
				return fmt.Errorf("raw bytes: %w", err)
			}
			text = raw
		}
		s.steps = append(s.steps, step{number, verb, text})
		return nil
	}
	return fmt.Errorf("no step looks like %q", line)
}

var repeat = regexp.MustCompile(`\$\{(.)\*(\d+)\}`)

func expand(text string) string {
	return repeat.ReplaceAllStringFunc(text, func(s string) string {
		m := repeat.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], n)
	})
}
