package configs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/guide"
)

// The guide to containers lists all variables.
func TestVariablesAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("| variable | key | what it sets |\n|---|---|---|\n")
	row := func(name string, k Key) {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", name, k.Path, strings.ReplaceAll(k.About(), "|", `\|`))
	}
	b.WriteString("| `LETTERLOCK_CONFIG` | – | The path of a configuration file, in place of all other variables |\n")
	for _, v := range Variables() {
		if v.Service == "" {
			row(v.Name, keyWithText(v.Key))
		}
	}
	for _, v := range Variables() {
		if v.Service == IMAP {
			row(v.Name, keyWithText(v.Key))
		}
	}
	guide.CheckTable(t, "../docs/guides/containers.md", "variables", b.String(), "go test ./configs -run TestVariablesAreDocumented", *update)
}

func keyWithText(k Key) Key {
	k.Text = descriptions()[k.Path]
	return k
}
