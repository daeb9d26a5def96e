package app

import (
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// The limits of the configuration hold for the status page, and those of a
// reload too.
func TestH7_LimitsOfTheConfiguration(t *testing.T) {
	const text = `
certificates: [{cert: cert.pem, key: key.pem}]
status: {listen: "127.0.0.1:0"}
listeners: [{service: imaps, listen: "127.0.0.1:0", backend: "{imap}"}]
limits: {web_connections_per_client: `
	w := newWorld(t, text+"5}\n")
	holds := func(share int) {
		t.Helper()
		crowd := loopback.Hold(t, w.page.Addr().String(), "127.0.0.2", 40, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		wait.Until(t, "the share of a client is another one", func() bool { return crowd.Open() == share })
	}
	holds(5)
	page := w.page
	w.configure(text + "3}\n")
	w.Reload()
	if w.page != page {
		t.Error("the page is another one")
	}
	holds(3)
}
