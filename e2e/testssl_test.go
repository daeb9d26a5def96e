// Administrators and auditors scan mail servers with testssl.sh. A table holds
// the findings that are expected, each with the reason; any other finding is a
// failure.

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
)

// portScan describes a listener: the protocol by which testssl.sh starts TLS there, and
// the first version of testssl.sh that supports it.
type portScan struct {
	listener, starttls string
	since              int
}

// policyScans has one listener for each default policy: opportunistic and strict.
var policyScans = []portScan{
	{"smtp", "smtp", 300}, // the slowest scan
	{"imaps", "", 300},
}

// otherScans has the other listeners.
var otherScans = []portScan{
	{"submissions", "", 300},
	{"pop3s", "", 300},
	{"submission", "smtp", 300},
	{"imap", "imap", 300},
	{"pop3", "pop3", 300},
	{"sieve", "sieve", 302},
}

// finding is a line of testssl.sh's report.
type finding struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Finding  string `json:"finding"`
}

// harmless are the severities that need no explanation. DEBUG lines are no
// findings.
var harmless = []string{"OK", "INFO", "LOW", "DEBUG"}

func TestScannerFindsNothing(t *testing.T) { scanAll(t, policyScans) }

func TestOtherPortsAreScanned(t *testing.T) { scanAll(t, otherScans) }

func scanAll(t *testing.T, scans []portScan) {
	w := needsServers(t)
	l, err := w.Serve(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	version := testsslVersion(t)
	explained := explanations(t, version)
	t.Run("ports", func(t *testing.T) {
		for _, s := range scans {
			if version < s.since {
				t.Logf("%s: this version of testssl.sh does not support the protocol", s.listener)
				continue
			}
			t.Run(s.listener, func(t *testing.T) {
				t.Parallel()
				all := testssl(t, l, s.listener, s.starttls, version)
				judge(t, all, explained[s.listener])
				grade(t, all, version, s.starttls)
			})
		}
	})
	if err := l.Stop(); err != nil {
		t.Error(err)
	}
}

// testsslVersion returns the version of testssl.sh: 300 for 3.0.
func testsslVersion(t *testing.T) int {
	t.Helper()
	path, err := exec.LookPath("testssl")
	if err != nil {
		t.Fatalf("%v: run e2e/install", err)
	}
	cmd := exec.Command(path, "--version")
	cmd.Env = append(os.Environ(), "TERM=dumb")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := regexp.MustCompile(`(?:testssl|version).*?(\d)\.(\d+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("the output has no version:\n%s", out)
	}
	major, _ := strconv.Atoi(string(m[1]))
	minor, _ := strconv.Atoi(string(m[2]))
	return 100*major + minor
}

// explanations reads the table of expected findings: by listener, "ID SEVERITY"
// of the findings that this version reports.
func explanations(t *testing.T, version int) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/testssl.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) < 5 {
			t.Fatalf("an explanation without a reason: %s", line)
		}
		since, err := strconv.Atoi(strings.Replace(f[3], ".", "0", 1))
		if err != nil {
			t.Fatal(err)
		}
		if version < since {
			continue
		}
		for listener := range strings.SplitSeq(f[0], ",") {
			all[listener] = append(all[listener], f[1]+" "+f[2])
		}
	}
	return all
}

// checks returns the arguments for the checks that concern mail servers. Where
// STARTTLS leads to the same TLS as on a port with implicit TLS, the slow
// checks are left out. Newer versions grade a server only after a complete
// scan.
func checks(listener, starttls string, version int) []string {
	if starttls == "" && version >= 302 {
		return nil // all checks
	}
	some := []string{"--protocols", "--server-preference", "--server-defaults", "--standard"}
	if version >= 302 {
		some = append(some, "--starttls-injection")
	}
	if starttls == "" || listener == "smtp" {
		return append(some, "--fs", "--vulnerable")
	}
	return append(some, "--renegotiation", "--tls-fallback")
}

// testssl scans a listener and returns the report.
func testssl(t *testing.T, l *world.Letterlock, listener, starttls string, version int) []finding {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.json")
	args := append([]string{
		"--quiet", "--color=0", "--warnings=off", "--nodns=none", "--add-ca=" + shared.caFile, "--jsonfile=" + report,
	}, checks(listener, starttls, version)...)
	if starttls != "" {
		args = append(args, "--starttls="+starttls)
	}
	_, port, _ := strings.Cut(l.Address(listener), ":")
	// testssl.sh exits with the number of findings.
	out := tool{env: []string{"TERM=dumb"}, anyStatus: true, time: 20 * time.Minute}.run(t, "testssl", append(args, "localhost:"+port)...)
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var all []finding
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return all
}

// judge compares a report with the table.
func judge(t *testing.T, all []finding, explained []string) {
	t.Helper()
	// A scan that has not reached the server has no findings either.
	if !slices.ContainsFunc(all, func(f finding) bool { return f.ID == "TLS1_3" && strings.HasPrefix(f.Finding, "offered") }) {
		t.Fatalf("TLS 1.3 was not found: %+v", all)
	}
	for _, f := range all {
		id, _, _ := strings.Cut(f.ID, " ") // the number of the certificate follows the ID
		if !slices.Contains(harmless, f.Severity) && !slices.Contains(explained, id+" "+f.Severity) {
			t.Errorf("%s %s: %s", f.Severity, f.ID, f.Finding)
		}
	}
}

// grade checks the grade that versions from 3.2 on give after a complete scan:
// A+ with implicit TLS. With STARTTLS they always give T.
func grade(t *testing.T, all []finding, version int, starttls string) {
	t.Helper()
	if version < 302 || starttls != "" {
		return
	}
	const want = "A+"
	i := slices.IndexFunc(all, func(f finding) bool { return f.ID == "overall_grade" })
	if i < 0 || all[i].Finding != want {
		t.Errorf("the grade is not %s: %v", want, fmt.Sprint(all))
	}
}
