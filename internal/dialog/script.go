package dialog

import (
	"fmt"
	"os"
	"path/filepath"
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

// script is a parsed dialog.
type script struct {
	options  map[string]string
	implicit bool
	steps    []step
}

var verbs = []string{"C:", "S:", "S~", "B<", "B~", "B>", "C|", "B|", "S!", "B!", "C!", "TLS"}

// Said returns the text that one side sends in each dialog that matches
// pattern, C for the client and B for the backend: seeds for fuzzing.
func Said(t testing.TB, pattern string, side byte) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogs match %s (%v)", pattern, err)
	}
	whole, raw := map[byte]string{'C': "C:", 'B': "B>"}[side], string(side)+"|"
	var all []string
	for _, file := range files {
		var said strings.Builder
		for _, step := range load(t, file).steps {
			switch step.verb {
			case whole:
				said.WriteString(step.text + "\r\n")
			case raw:
				said.WriteString(step.text)
			}
		}
		if said.Len() > 0 {
			all = append(all, said.String())
		}
	}
	return all
}

func load(t testing.TB, name string) script {
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
	return fmt.Errorf("unknown step %q", line)
}

var repeat = regexp.MustCompile(`\$\{(.)\*(\d+)\}`)

func expand(text string) string {
	return repeat.ReplaceAllStringFunc(text, func(s string) string {
		m := repeat.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], n)
	})
}
