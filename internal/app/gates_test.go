package app

import (
	"fmt"
	"strings"
	"testing"
)

// A peer that fails with TLS is not offered it.
func TestSTARTTLSIsHidden(t *testing.T) {
	t.Parallel()
	listener := "  - {service: smtp, listen: \"{host}:0\", backend: \"{smtp}\", recipients: [example.com], hide_starttls: [%s]}\n"
	w := newWorld(t, "certificates: [{cert: cert.pem, key: key.pem}]\nlisteners:\n"+fmt.Sprintf(listener, "192.0.2.0/24, 127.0.0.1")+fmt.Sprintf(listener, "192.0.2.0/24"))
	for i, hidden := range []bool{true, false} {
		if got := w.smtp(i).write("EHLO peer"); strings.Contains(got, "STARTTLS") == hidden {
			t.Errorf("listener %d: %s", i, got)
		}
	}
}
