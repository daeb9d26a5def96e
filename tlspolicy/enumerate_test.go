package tlspolicy_test

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/tlspolicy"
)

var update = flag.Bool("update", false, "write the golden tables anew")

// versions from SSL 3 up; what comes before is not spoken in such records.
var versions = []uint16{tls.VersionTLS10 - 1, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13}

// everySuite lists the code points of IANA's registry of cipher suites, and
// the gaps between them: more than any client can offer.
func everySuite() []uint16 {
	var all []uint16
	for _, r := range [][2]int{{0x0000, 0x00ff}, {0x1300, 0x1307}, {0x5600, 0x5600}, {0xc000, 0xc0ff}, {0xc100, 0xc107}, {0xcc13, 0xccae}, {0xd000, 0xd005}, {0xfefe, 0xfeff}, {0xffe0, 0xffe1}} {
		for code := r[0]; code <= r[1]; code++ {
			all = append(all, uint16(code))
		}
	}
	return all
}

// everyGroup lists the code points of IANA's registry of groups.
func everyGroup() []uint16 {
	var all []uint16
	for _, r := range [][2]int{{1, 41}, {249, 260}, {512, 515}, {4587, 4592}, {0x6399, 0x6399}, {0xff01, 0xff02}} {
		for code := r[0]; code <= r[1]; code++ {
			all = append(all, uint16(code))
		}
	}
	return all
}

// TestEverySuiteAgainstEveryPolicy offers every code point alone, in every
// version, to every policy. testdata/suites.txt lists those that are agreed to;
// run with -update to write the file again, and read the diff.
func TestEverySuiteAgainstEveryPolicy(t *testing.T) {
	store := pair(t)
	var table strings.Builder
	for _, policy := range tlspolicy.Names() {
		config := serverOf(t, policy, store)
		for _, version := range versions {
			for _, suite := range everySuite() {
				a, err := ask(config, hello{version: version, suites: []uint16{suite}}.record())
				switch {
				case err != nil:
					t.Fatalf("%s, %#x, suite %#04x: %v", policy, version, suite, err)
				case a.alert != 0:
					continue
				case a.version != version || a.suite != suite || a.compression != 0:
					t.Fatalf("%s, %#x, suite %#04x: the server chose %+v", policy, version, suite, a)
				}
				fmt.Fprintf(&table, "%-18s %-7s %s\n", policy, tlspolicy.Version(version), tlspolicy.Suite(suite))
			}
		}
	}
	golden(t, "testdata/suites.txt", table.String())
}

// TestEveryGroupAgainstEveryPolicy does the same with groups, in TLS 1.3 and in
// TLS 1.2, where a policy with static RSA falls back to it.
func TestEveryGroupAgainstEveryPolicy(t *testing.T) {
	store := pair(t)
	var table strings.Builder
	for _, policy := range tlspolicy.Names() {
		config := serverOf(t, policy, store)
		for _, version := range versions[3:] {
			suites := []uint16{tls.TLS_AES_128_GCM_SHA256}
			if version == tls.VersionTLS12 {
				suites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
			}
			for _, group := range everyGroup() {
				a, err := ask(config, hello{version: version, suites: suites, groups: []uint16{group}}.record())
				switch {
				case err != nil:
					t.Fatalf("%s, %#x, group %d: %v", policy, version, group, err)
				case a.alert != 0:
					continue
				case version == tls.VersionTLS13 && a.group != group:
					t.Fatalf("%s: group %d was offered, %d chosen", policy, group, a.group)
				}
				fmt.Fprintf(&table, "%-18s %-7s %s\n", policy, tlspolicy.Version(version), tlspolicy.Group(group))
			}
		}
	}
	golden(t, "testdata/groups.txt", table.String())
}

// golden compares a text with a file; with -update it writes the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, diff := range [][2]string{{got, string(want)}, {string(want), got}} {
		there := strings.Split(diff[1], "\n")
		for line := range strings.SplitSeq(diff[0], "\n") {
			if !slices.Contains(there, line) {
				t.Errorf("%s differs in: %s (agreed to: %v)", file, line, diff[0] == got)
			}
		}
	}
}

// TestNothingBrokenIsAgreedTo names the suites and groups that no policy may
// agree to.
func TestNothingBrokenIsAgreedTo(t *testing.T) {
	for _, file := range []string{"testdata/suites.txt", "testdata/groups.txt"} {
		table, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(table)) {
			for _, broken := range []string{"SSL", "RC4", "MD5", "NULL", "ADH", "AECDH", "anon", "EXP", "RC2", "IDEA", "PSK", "SRP", "KRB5", "DSS", " DHE", "CCM", "CAMELLIA", "ARIA", "SEED"} {
				if strings.Contains(line, broken) {
					t.Errorf("%s is agreed to: %s", broken, line)
				}
			}
			if strings.Contains(line, "CBC3") && !strings.HasPrefix(line, "opportunistic-wide ") {
				t.Errorf("3DES is agreed to: %s", line)
			}
		}
	}
}

// TestSSL2IsRefused sends the ClientHello of SSL 2, which has its own format (DROWN, RFC
// 6176).
func TestSSL2IsRefused(t *testing.T) {
	hello := []byte{0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10,
		1, 0, 0x80, 2, 0, 0x80, 3, 0, 0x80, 4, 0, 0x80, 5, 0, 0x80, 6, 0, 0x40, 7, 0, 0xc0}
	hello = append(hello, make([]byte, 16)...)
	store := pair(t)
	for _, policy := range tlspolicy.Names() {
		a, err := ask(serverOf(t, policy, store), hello)
		if a.suite != 0 || err == nil && a.alert == 0 || err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("%s answers %+v, %v", policy, a, err)
		}
	}
}

// TestCompressionIsNeverUsed offers compression, which the server must not use
// (CRIME).
func TestCompressionIsNeverUsed(t *testing.T) {
	store := pair(t)
	for _, policy := range tlspolicy.Names() {
		config := serverOf(t, policy, store)
		for _, version := range versions[1:] {
			h := hello{version: version, compression: []byte{1, 0}, suites: []uint16{
				tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}
			a, err := ask(config, h.record())
			if err != nil || a.compression != 0 {
				t.Errorf("%s, %#x: %+v, %v", policy, version, a, err)
			}
			if a.alert == 0 && version == tls.VersionTLS13 {
				t.Errorf("%s: a hello of TLS 1.3 with compression is illegal and was taken (RFC 8446 §4.1.2)", policy)
			}
		}
	}
}
