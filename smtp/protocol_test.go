package smtp

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/test/gatetest"
)

func TestDialogs(t *testing.T) { runDialogs(t, "testdata/*.dialog") }

// REQUIRETLS is offered and forwarded only where TLS protects the whole way.
func TestH19_RequireTLSOnTheWayIn(t *testing.T) { runDialogs(t, "testdata/requiretls*.dialog") }

func runDialogs(t *testing.T, files string) {
	t.Helper()
	dialog.Run(t, files, func(options map[string]string, s *gate.Session) dialog.Gate {
		o := Options{DisableVRFY: options["vrfy"] != "yes", Received: options["received"] == "yes", RejectBareNewline: options["bare-newline"] == "reject"}
		switch options["service"] {
		case "smtp":
		case "smtp-auth":
			o.Auth = OptionalAuth
		default:
			o.RequireTLS, o.Auth = true, RequireAuth
		}
		if list := options["recipients"]; list != "" {
			o.Recipients = Recipients(strings.Fields(list))
		}
		o.HideSTARTTLS = options["starttls"] == "hidden"
		o.ProvenBackend = options["backend-proven"] == "yes"
		o.TLSDomains = strings.Fields(options["tls-domains"])
		s.Mail.Spool = func() (gate.Spool, error) { return os.CreateTemp(t.TempDir(), "") }
		s.Limits.Message = 1 << 20
		if client := options["client"]; client != "" {
			s.Client = netip.MustParseAddrPort(client)
		}
		if name := options["name"]; name != "" {
			s.LookupName = func() gate.Name { return gate.Name{Confirmed: name, Claimed: name} }
		}
		return New(s, o)
	})
}

// TestBackendsWithAndWithoutEHLO checks that the extensions of one backend are
// not expected of the next: a pool may contain servers with and without EHLO.
func TestBackendsWithAndWithoutEHLO(t *testing.T) {
	old := gatetest.Scripted("220 old|500 what|250 old")
	young := gatetest.Scripted("220 young|250-young\r\n250-SIZE 1000\r\n250 PIPELINING")
	g := New(gatetest.Session(3), Options{})
	client := &gatetest.Client{}
	g.front = client.Front()
	for _, b := range []*gatetest.Backend{old, young} {
		if err := g.Open(gatetest.Back(b)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(old.Received, []string{"EHLO mail.example.com", "HELO mail.example.com", "QUIT"}) || !slices.Equal(young.Received, []string{"EHLO mail.example.com"}) {
		t.Errorf("the first backend received %q, the second %q", old.Received, young.Received)
	}
	if !g.caps.pipelining || g.noEHLO {
		t.Error("the backend with EHLO gets HELO")
	}
}
