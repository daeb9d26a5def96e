// The tests mostly wait for servers and use little CPU, so e2e/run starts the
// test program several times, each with a part of the tests and with its own
// servers.

package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// groupVariable is the environment variable that selects a part of the tests:
// "2/3" selects the second third of all tests but the slow ones, and "2/3 slow"
// that of the slow ones. A -run flag takes precedence.
const groupVariable = "LETTERLOCK_E2E_GROUP"

// slow lists the tests that `make e2e-slow` runs, each of which takes minutes. The
// slowest is the first.
var slow = []string{"TestGuidesForServers", "TestTutorial", "TestGuidesForProxies", "TestGuidesForOtherServers", "TestNewKeysForAYear", "TestOtherPortsAreScanned", "TestLookupBesideNginx"}

// matrix lists the tests that `make matrix` runs.
var matrix = []string{"TestMatrix", "TestTutorialOnEachDebian"}

// long lists the longest of all other tests, the longest first, so that each group
// gets the same number of them.
var long = []string{
	"TestScannerFindsNothing", "TestKilled", "TestServerDown", "TestHandover", "TestLoginNeedsStrongTLS", "TestLargeMessage",
	"TestChunksAreMended", "TestChunking", "TestBehindHAProxy", "TestTLSToTheBackend", "TestHandoverToExim", "TestInternet",
	"TestPlaintextInsteadOfHandshake", "TestEveryPolicyFromOpenSSL", "TestServerDiesWithinMessage", "TestUnicodeAddress",
}

var testDeclaration = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// selectGroup sets -run to the tests of the group, if the environment selects
// one.
func selectGroup() error {
	value := os.Getenv(groupVariable)
	if run := flag.Lookup("test.run"); value == "" || run.Value.String() != "" {
		return nil
	}
	var part, parts int
	group, isSlow := strings.CutSuffix(value, " slow")
	if _, err := fmt.Sscanf(group, "%d/%d", &part, &parts); err != nil || part < 1 || part > parts {
		return fmt.Errorf("%s=%q: write 2/3 for the second of three parts", groupVariable, value)
	}
	tests, err := declaredTests()
	if err != nil {
		return err
	}
	if isSlow {
		tests = slow
	}
	var names []string
	for i := part - 1; i < len(tests); i += parts {
		names = append(names, tests[i])
	}
	return flag.Set("test.run", "^("+strings.Join(names, "|")+")$")
}

// declaredTests lists the tests of this folder, the long ones first, without those
// of slow and matrix.
func declaredTests() ([]string, error) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		return nil, err
	}
	all := slices.Clone(long)
	other := slices.Concat(long, slow, matrix)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, m := range testDeclaration.FindAllSubmatch(text, -1) {
			if name := string(m[1]); !slices.Contains(other, name) {
				all = append(all, name)
			}
		}
	}
	return all, nil
}

// TestListedTestsExist fails when a test in one of the lists was renamed or removed.
func TestListedTestsExist(t *testing.T) {
	var text strings.Builder
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(source)
	}
	for _, name := range slices.Concat(slow, matrix, long) {
		if !strings.Contains(text.String(), "\nfunc "+name+"(") {
			t.Errorf("there is no test %s", name)
		}
	}
}
