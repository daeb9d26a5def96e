package smtp

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/dialog"
	"github.com/letterlock/letterlock/internal/gate"
)

func TestDialogs(t *testing.T) {
	dialog.Run(t, "testdata/*.dialog", func(options map[string]string, s *gate.Session) dialog.Gate {
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
		o.TLSDomains = strings.Fields(options["tls-domains"])
		s.Spool = func() (gate.Spool, error) { return os.CreateTemp(t.TempDir(), "") }
		s.Limits.Message = 1 << 20
		if client := options["client"]; client != "" {
			s.Client = netip.MustParseAddrPort(client)
		}
		if name := options["name"]; name != "" {
			s.Name = func() gate.Name { return gate.Name{Confirmed: name, Claimed: name} }
		}
		return New(s, o)
	})
}
