package mta

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		letter  Letter
		kept    int
		problem string // empty: no problem
	}{
		"as it should be":            {Letter{Acknowledged: true}, 1, ""},
		"lost":                       {Letter{Acknowledged: true}, 0, "LOST"},
		"lost, although in doubt":    {Letter{Acknowledged: true, Undecided: 2}, 0, "LOST"},
		"doubled":                    {Letter{Acknowledged: true}, 2, "DOUBLED"},
		"doubled in doubt":           {Letter{Acknowledged: true, Undecided: 1}, 2, ""},
		"more often than explained":  {Letter{Acknowledged: true, Undecided: 1}, 3, "DOUBLED"},
		"stored, although refused":   {Letter{Acknowledged: true, Refused: 3}, 2, "DOUBLED"},
		"never acknowledged":         {Letter{Undecided: 1}, 1, "never"},
		"never acknowledged, unkept": {Letter{}, 0, "never"},
	} {
		t.Run(name, func(t *testing.T) {
			c.letter.ID = "a"
			kept := map[string]int{}
			if c.kept > 0 {
				kept["a"] = c.kept
			}
			problems := strings.Join(Check([]Letter{c.letter}, kept), "\n")
			if !strings.Contains(problems, c.problem) || (problems == "") != (c.problem == "") {
				t.Errorf("found %q", problems)
			}
		})
	}
	if len(Check(nil, map[string]int{"b": 1})) == 0 {
		t.Error("an unknown letter is not reported")
	}
}

// The text of a letter is the same on each call, and ends with CRLF.
func TestText(t *testing.T) {
	sizes := map[int]bool{}
	for _, id := range []string{"1-of-9", "2-of-9", "3-of-9", "4-of-9"} {
		text := Text(id)
		if text != Text(id) || !strings.HasSuffix(text, "\r\n") || strings.Count(text, id) != 2 {
			t.Errorf("%s is %q", id, text)
		}
		sizes[len(text)] = true
	}
	if len(sizes) < 3 {
		t.Errorf("the sizes are %v", sizes)
	}
}
