// The Received header that Letterlock adds has the protocol of the message, and
// a session that is in the log. The tests that send mail check it.

package e2e

import (
	"regexp"
	"testing"
)

var received = regexp.MustCompile(`(?m)^Received: from \S+ \((?:unknown|localhost) \[127\.0\.0\.1\]\)\n` +
	`\tby mail\.example\.com \(Letterlock\) with (\w+)\n` +
	`\tid (\w+)(?: tls (TLS_\w+)\n\t\(using (TLSv1\.[23]) with cipher (\S+) \((\d+)/(\d+) bits\)\))?; ` +
	`\w{3}, \d+ \w{3} \d{4} [\d:]{8} [+-]\d{4}$`)

// wantReceived checks the Received header of Letterlock among those that were
// added, and that the log has the session that it names.
func wantReceived(t *testing.T, headers, keyword string) {
	t.Helper()
	all := received.FindAllStringSubmatch(headers, -1)
	if len(all) != 1 {
		t.Fatalf("there are %d Received headers of ours, want one, in\n%s", len(all), headers)
	}
	header := all[0]
	if header[1] != keyword {
		t.Errorf("the message came with %s, want %s", header[1], keyword)
	}
	if secure := keyword != "ESMTP"; secure != (header[3] != "") {
		t.Errorf("the header mentions TLS: %v, want %v", header[3] != "", secure)
	}
	session := header[2]
	awaitLog(t, 0, session, "outcome=done")
	if header[4] != "" {
		awaitLog(t, 0, session, "TLS connection established from", header[4]+" with cipher "+header[5])
	}
}
