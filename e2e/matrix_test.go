// These tests run the servers of three Debian releases behind Letterlock. The
// results are the table in docs/backends.md.

package e2e

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

var update = flag.Bool("update", false, "write the matrix into docs/backends.md")

// releases are the Debian releases whose servers are tested, with their
// numbers.
var releases = []struct{ name, number string }{{"bullseye", "11"}, {"bookworm", "12"}, {"trixie", "13"}}

// The columns of the matrix.
const (
	imapColumn       = "IMAP"
	pop3Column       = "POP3"
	sieveColumn      = "ManageSieve"
	mailColumn       = "mail on 25"
	submissionColumn = "mail submitted"
	pushColumn       = "IDLE"
	clearColumn      = "before TLS"
	wrongColumn      = "wrong password"
	handoverColumn   = "handover"
	probeColumn      = "probe"
)

// columns are tested in this order. Each function fills its cell.
var columns = []struct {
	name string
	try  func(*subject, *testing.T) string
}{
	{imapColumn, (*subject).imap},
	{pop3Column, (*subject).pop3},
	{sieveColumn, (*subject).sieve},
	{mailColumn, (*subject).mail},
	{submissionColumn, (*subject).submission},
	{pushColumn, (*subject).push},
	{clearColumn, (*subject).clear},
	{wrongColumn, (*subject).wrong},
	{handoverColumn, (*subject).handover},
	{probeColumn, (*subject).probe},
}

// The texts of the cells.
const works, lacking = "✓", "—"

// TestMatrix tests each server of each Debian release. LETTERLOCK_MATRIX is 1,
// or the names of the releases to test.
func TestMatrix(t *testing.T) {
	wanted := os.Getenv("LETTERLOCK_MATRIX")
	if wanted == "" {
		t.Skip("needs root, and the servers of Debian 11, 12 and 13: run `make matrix`")
	}
	rows := make(map[string][]string) // by product
	for _, r := range releases {
		if wanted == "1" || slices.Contains(strings.Fields(wanted), r.name) {
			t.Run(r.name, func(t *testing.T) { tryRelease(t, r.name, r.number, rows) })
		}
	}
	if len(rows) == 0 && !t.Failed() {
		t.Errorf("LETTERLOCK_MATRIX=%q names no Debian", wanted)
	}
	table := matrixTable(rows)
	fmt.Println(table)
	if strings.Count(table, "\n") == 2+len(products)*len(releases) && !t.Failed() {
		compareMatrix(t, table)
	}
}

func tryRelease(t *testing.T, release, number string, rows map[string][]string) {
	w, err := world.New()
	if err != nil {
		t.Fatal(err)
	}
	defer endWorld(t, w)
	w.Release = release
	binary, err := program(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	w.Use(binary, certificates(t, w.Dir)...)
	for _, p := range products {
		t.Run(p.name, func(t *testing.T) {
			s := newSubject(t, w, p.on(release))
			version, err := s.Root.Version(p.pkg)
			if err != nil {
				t.Fatal(err)
			}
			cells := append([]string{p.name + " " + version, number}, s.try(t)...)
			rows[p.name] = append(rows[p.name], "| "+strings.Join(cells, " | ")+" |")
		})
	}
}

// endWorld stops a release's servers, and shows their logs and Letterlock's
// after a failure.
func endWorld(t *testing.T, w *world.World) {
	for _, problem := range w.Stop() {
		t.Error(problem)
	}
	for _, proxy := range w.Instances() {
		for _, problem := range secretsIn(proxy) {
			t.Error(problem)
		}
	}
	if t.Failed() {
		showLogs(w)
	}
}

func matrixTable(rows map[string][]string) string {
	names := []string{"server", "Debian"}
	for _, c := range columns {
		names = append(names, c.name)
	}
	lines := []string{"| " + strings.Join(names, " | ") + " |", "|" + strings.Repeat("---|", len(names))}
	for _, p := range products {
		lines = append(lines, rows[p.name]...)
	}
	return strings.Join(lines, "\n") + "\n"
}

var (
	matrixInDocs = regexp.MustCompile(`(?s)(<!-- matrix -->\n)(.*)(<!-- /matrix -->\n)`)
	patchLevel   = regexp.MustCompile(`(\d+\.\d+)[.p][\d.p]+`)
)

// compareMatrix compares the table with the one in the documentation, except
// for the patch levels of the servers.
func compareMatrix(t *testing.T, table string) {
	const path = "../docs/backends.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inDocs := matrixInDocs.FindSubmatch(text)
	if inDocs == nil {
		t.Fatalf("%s has no markers for the matrix", path)
	}
	if *update {
		writeFile(t, path, matrixInDocs.ReplaceAllString(string(text), "${1}"+table+"${3}"))
		return
	}
	if patchLevel.ReplaceAllString(string(inDocs[2]), "$1") != patchLevel.ReplaceAllString(table, "$1") {
		t.Errorf("the table in %s is different; LETTERLOCK_MATRIX=1 go test ./e2e -run TestMatrix -update writes this one", path)
	}
}
