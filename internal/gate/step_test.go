package gate

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/guide"
)

var update = flag.Bool("update", false, "write the table of steps into docs/limits.md")

// The table of steps in the documentation is the current one.
func TestStepsAreDocumented(t *testing.T) {
	guide.CheckTable(t, "../../docs/limits.md", "steps", stepsTable(), "go test ./internal/gate -run TestStepsAreDocumented", *update)
}

func stepsTable() string {
	var b strings.Builder
	b.WriteString("| step | class | client: one wait | backend: one reply | in all | counted from | may be evicted | at shutdown |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.About, classNames[r.Class], shown(r.Client), shown(r.Backend), shown(r.Total),
			clockOf(r), map[bool]string{true: "yes", false: "no"}[r.Evictable], map[bool]string{true: "waits for the step", false: "the session ends"}[r.InFlight])
	}
	return b.String()
}

var classNames = map[Class]string{Unauthenticated: "unauthenticated", Working: "working", Authenticated: "authenticated"}

func shown(b Bound) string {
	if b == NoBound {
		return "–"
	}
	return "`" + strings.ReplaceAll(string(b), " + ", "` + `") + "`"
}

func clockOf(r Rule) string {
	switch {
	case r.Total == NoBound:
		return "–"
	case r.Clock == FromAccept:
		return "accept, or the last message decided on"
	case r.Clock == FromMessage:
		return "MAIL"
	}
	return "the step"
}

// Every step has a name, a description, and a bound for each wait that can
// happen in it, and no session with a login is evictable.
func TestEveryStepIsBounded(t *testing.T) {
	names := map[string]bool{}
	for i, r := range Rules() {
		if r.Name == "" || r.About == "" || names[r.Name] {
			t.Errorf("step %d has no name of its own, or no description: %+v", i, r)
		}
		names[r.Name] = true
		if r.Client == NoBound && r.Backend == NoBound && r.Total == NoBound {
			t.Errorf("nothing bounds the step %s", r.Name)
		}
		if r.Class == Unauthenticated && r.Total == NoBound {
			t.Errorf("an unauthenticated session may stay in the step %s for ever", r.Name)
		}
		if r.Class == Authenticated && r.Evictable || r.Verdict && r.Evictable {
			t.Errorf("a session is evictable in the step %s", r.Name)
		}
	}
}
