package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/tlspolicy"
)

// TestEveryPolicyFromOpenSSL compares tlspolicy's golden table of what each
// policy agrees to with what OpenSSL agrees on with the program's listeners.
// OpenSSL offers all suites, removes the agreed one and connects again, until
// it is refused.
func TestEveryPolicyFromOpenSSL(t *testing.T) {
	w := needsServers(t)
	table, err := os.ReadFile("../tlspolicy/testdata/suites.txt")
	if err != nil {
		t.Fatal(err)
	}
	ciphers := run(t, "openssl", "ciphers", "-s", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
	offered := strings.Split(strings.TrimSpace(ciphers), ":")
	var listeners []world.Listener
	for _, policy := range tlspolicy.Names() {
		listeners = append(listeners, world.Listener{Name: policy, Service: "imaps", Backend: w.Ports.IMAP, Keys: []string{"policy: " + policy}})
	}
	l := serveCustom(t, "", listeners...)
	for _, policy := range tlspolicy.Names() {
		t.Run(policy, func(t *testing.T) {
			for flag, version := range map[string]string{"-tls1": "TLSv1", "-tls1_1": "TLSv1.1", "-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"} {
				got := eliminate(t, l.Address(policy), flag, version, offered)
				var want []string
				for line := range strings.Lines(string(table)) {
					f := strings.Fields(line)
					if f[0] == policy && f[1] == version && slices.Contains(offered, f[2]) {
						want = append(want, f[2])
					}
				}
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s: openssl gets %v, not %v", version, got, want)
				}
			}
		})
	}
}

// eliminate returns the suites that a listener agrees to in one version.
func eliminate(t *testing.T, address, flag, version string, offered []string) (found []string) {
	t.Helper()
	option, tail := "-cipher", ":@SECLEVEL=0"
	left := slices.DeleteFunc(slices.Clone(offered), func(s string) bool { return strings.HasPrefix(s, "TLS_") != (flag == "-tls1_3") })
	if flag == "-tls1_3" {
		option, tail = "-ciphersuites", ""
	}
	for len(left) > 0 {
		said := sClient(t, address, "", flag, option, strings.Join(left, ":")+tail)
		got := agreed(said)
		if got == "" {
			if !strings.Contains(said, "alert") && !strings.Contains(said, "no ciphers available") {
				t.Fatalf("%s: openssl says\n%s", flag, said)
			}
			break
		}
		suite, ok := strings.CutPrefix(got, version+" ")
		i := slices.Index(left, suite)
		if !ok || i < 0 {
			t.Fatalf("%s: agreed on %q", flag, got)
		}
		found = append(found, suite)
		left = slices.Delete(left, i, i+1)
	}
	return found
}
