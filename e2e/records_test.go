package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// TestRecordsWithKnot adds the records of a domain by DNS updates with a TSIG key. A
// second run finds them at the secondary, and changes nothing.
func TestRecordsWithKnot(t *testing.T) {
	const zone = "records.example"
	servers, processes, err := needsServers(t).StartKnot(world.Zone{Name: zone})
	for _, p := range processes {
		atEnd(t, p.Stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "letterlock.yaml")
	text := fmt.Sprintf(`
hostname: mail.%[1]s
state_dir: %[2]s
acme: {dns: {method: rfc2136, server: %[3]q, credentials: %[4]s, resolver: %[3]q}}
mta_sts: {domains: [%[1]s]}
autoconfig: {domains: [%[1]s]}
listeners:
  - {service: smtp, backend: b, recipients: [%[1]s]}
  - {service: imaps, backend: b}
`, zone, t.TempDir(), servers.Primary, servers.KeyFile)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), needsServers(t).Program(), append([]string{"dns", "--config", file}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if out := run("--set"); strings.Count(out, ";   added: ") != 7 {
		t.Fatal(out)
	}
	secondary := resolver.Resolver{Address: servers.Secondary}
	wait.Until(t, "the secondary has no MX record", func() bool {
		answer, err := secondary.Ask(t.Context(), zone, dnsmessage.TypeMX)
		return err == nil && len(answer.Records) == 1
	})
	if out := run("--resolver", servers.Primary); strings.Count(out, ";   published\n") != 7 || strings.Contains(out, "--set adds") {
		t.Error(out)
	}
	if answer, err := secondary.Ask(t.Context(), "other."+zone, dnsmessage.TypeTXT); err != nil || len(answer.Records) != 1 {
		t.Errorf("other records: %v, %v", answer, err)
	}
}
