package configs

import (
	"fmt"
	"slices"
	"strings"
)

// otherNames maps keys and values of other programs to those of this one. An
// empty value keeps a word from being suggested as a neighbour of another.
var otherNames = map[string]string{
	"smtps":        "submissions",
	"ssmtp":        "submissions",
	"lmtp":         "",
	"managesieve":  "sieve",
	"intermediate": "strict", // Mozilla's name
	"old":          "opportunistic",
	"proxy":        "proxy-v2",
	"warning":      "warn",
}

// nearest returns the word that was probably meant: one of the same meaning, or
// the one with the fewest edits, at most a third of its letters. It is empty if
// no word is near.
func nearest(word string, known []string) string {
	const longest = 64 // longer than any key, because the cost is quadratic
	if len(word) > longest {
		return ""
	}
	if other, ok := otherNames[word]; ok && (other == "" || slices.Contains(known, other)) {
		return other
	}
	best, bestDistance := "", len(word)+1
	for _, k := range known {
		d := distance(strings.ToLower(word), k)
		if d < bestDistance && d <= max(len(k)/3, 1) {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// suggest says what to write instead of word: the nearest known word, or all.
func suggest(word string, known []string) string {
	if len(known) == 1 {
		return "write " + known[0]
	}
	if n := nearest(word, known); n != "" {
		return fmt.Sprintf("write %s (possible values: %s)", n, strings.Join(known, ", "))
	}
	return "write one of " + strings.Join(known, ", ")
}
