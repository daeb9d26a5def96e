package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/guide"
)

// called matches a call of the program in a shell's commands, up to the next command.
var called = regexp.MustCompile(`(?m)(?:^|[|;&(] *|\$ )(?:\./)?letterlock ([a-z][^|;&)>\n#]*)`)

// The documents call commands that exist, with flags that these have.
func TestCommandsOfTheDocumentsExist(t *testing.T) {
	t.Parallel()
	files, err := guide.Documents("../..")
	if err != nil {
		t.Fatal(err)
	}
	commands, calls := describe(), 0
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range guide.Blocks(string(text)) {
			for _, m := range called.FindAllStringSubmatch(b.Text, -1) {
				if b.Language != "sh" {
					continue
				}
				calls++
				if fault := faultOfCall(commands, strings.Fields(m[1])); fault != "" {
					t.Errorf("%s, block at line %d: letterlock %s: %s", file, b.Line, m[1], fault)
				}
			}
		}
	}
	if calls < 30 {
		t.Errorf("only %d calls are found", calls)
	}
}

// faultOfCall returns the fault of a call of the program, or an empty string.
func faultOfCall(commands []described, words []string) string {
	i := slices.IndexFunc(commands, func(d described) bool { return len(words) > 1 && d.name == words[0]+" "+words[1] })
	if i < 0 {
		i = slices.IndexFunc(commands, func(d described) bool { return d.name == words[0] })
	}
	if i < 0 {
		return "the command does not exist"
	}
	for _, word := range words {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		known := func(f describedFlag) bool { return f.name == name }
		if strings.HasPrefix(word, "--") && !slices.ContainsFunc(commands[i].flags, known) && !isQuick(name) {
			return "the flag " + word + " does not exist"
		}
	}
	return ""
}
