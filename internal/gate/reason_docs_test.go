package gate

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/guide"
)

// The documentation has a row for each reason.
func TestReasonsAreDocumented(t *testing.T) {
	guide.CheckTable(t, "../../docs/guides/operations.md", "outcomes", reasonsTable(), "go test ./internal/gate -run TestReasonsAreDocumented", *update)
}

func reasonsTable() string {
	var b strings.Builder
	b.WriteString("| outcome | the client may read | what to do |\n|---|---|---|\n")
	for r := range Reason(len(reasons)) {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r, r.Sentence(), cmp.Or(strings.ReplaceAll(r.Remedy(), "|", `\|`), "nothing"))
	}
	return b.String()
}
