package gate

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/guide"
)

// The documentation has a row for each reason.
func TestReasonsAreDocumented(t *testing.T) {
	const file = "../../docs/guides/operations.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, found := guide.Table(string(text), "outcomes"); !found {
		t.Fatalf("%s has no place for the table", file)
	}
	want := guide.WithTable(string(text), "outcomes", reasonsTable())
	switch {
	case want == string(text):
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is out of date: run go test ./internal/gate -run TestReasonsAreDocumented -update", file)
	}
}

func reasonsTable() string {
	var b strings.Builder
	b.WriteString("| outcome | the client may read | what to do |\n|---|---|---|\n")
	for r := range Reason(len(reasons)) {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r, r.Sentence(), cmp.Or(strings.ReplaceAll(r.Remedy(), "|", `\|`), "nothing"))
	}
	return b.String()
}
