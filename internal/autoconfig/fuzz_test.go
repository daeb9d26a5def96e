package autoconfig

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/limit"
)

func none(string) []tls.Certificate { return nil }

// hostile are addresses that would change an answer if they were not escaped.
var hostile = []string{
	`<script>alert(1)</script>@example.com`, `"&lt;a]]>'@example.com`, `</LoginName><Server>evil@example.com`, `&xxe;@example.com`, `%EMAILADDRESS%@example.com`,
	`\u003c"}@example.com`, "jürgen@example.com", "a@b@example.com", "'--@example.com",
}

func TestH21_HostileAddresses(t *testing.T) {
	t.Parallel()
	s := unlimited()
	for _, address := range hostile {
		checkAddress(t, s, address)
	}
}

func FuzzAddress(f *testing.F) {
	for _, address := range hostile {
		f.Add(address)
	}
	s := unlimited()
	f.Fuzz(func(t *testing.T, address string) { checkAddress(t, s, address) })
}

// unlimited returns a site without a certificate, where clients have no rate.
func unlimited() site {
	o := Options{Settings: settings(), Log: slog.New(slog.DiscardHandler), Certificates: none}
	return site{Handler: &handler{o, limit.NewRate(math.MaxInt, time.Hour)}}
}

// checkAddress checks that each answer to an address is well-formed, and has the address
// as the value of its fields alone.
func checkAddress(t *testing.T, s site, address string) {
	if address != strings.TrimSpace(address) {
		return // it is refused in a query, and read without the space in XML
	}
	a, ok := parseAccount(address)
	for _, r := range []*httptest.ResponseRecorder{s.get(AutodiscoverPath, address), s.post(asked(address))} {
		if r.Code != http.StatusOK {
			if ok && s.Handler.(*handler).Settings.serves(a.domain) {
				t.Fatalf("%q: %d", address, r.Code)
			}
			continue
		}
		response := parsed(t, body(t, r)).Children[0]
		if address == "" {
			continue
		}
		for _, server := range response.Children[1].Children[2:] {
			if got := server.Children[3]; got.XMLName.Local != "LoginName" || got.Text != a.address() || len(server.Children) != 9 {
				t.Fatalf("%q: %s", address, server.line())
			}
		}
	}
	if !ok {
		return
	}
	h := &handler{Options: Options{Settings: settings()}}
	list := plist(h.appleServer("Incoming", h.Settings.Servers[0], a))
	if got := parsed(t, string(list)).Children[0].fields(t)["IncomingMailServerUsername"].Text; got != a.address() {
		t.Fatalf("%q: %q", address, got)
	}
}

// requests are bodies that are refused.
var requests = map[string]string{
	"empty":       "",
	"no XML":      "Email=joe@example.com",
	"cut":         asked("joe@example.com")[:300],
	"entities":    `<!DOCTYPE a [<!ENTITY b "joe@example.com">]>` + strings.Replace(asked("x"), ">x<", ">&b;<", 1),
	"no entities": strings.Replace(asked("x"), ">x<", ">&b;<", 1),
	"declaration": "<!DOCTYPE Autodiscover>" + asked("joe@example.com"),
	"too deep":    strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1),
	"too long":    asked("joe@example.com") + strings.Repeat(" ", maxRequest),
	"elsewhere":   "<Autodiscover><EMailAddress>joe@example.com</EMailAddress></Autodiscover>",
	"two roots":   asked("joe@example.com") + asked("joe@example.com"),
	"charset":     strings.Replace(asked("joe@example.com"), "utf-8", "utf-16", 1),
	"ActiveSync":  strings.Replace(asked("joe@example.com"), outlookNS, "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006", 1),
}

func TestH21_RefusedRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings())
	for name, text := range requests {
		if r := s.post(text); r.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, r.Code)
		}
	}
	if r := s.post("<a:Autodiscover xmlns:a='x'><Request><EMailAddress>\n joe@example.com</EMailAddress></Request></a:Autodiscover>\n"); r.Code != http.StatusOK {
		t.Error(r.Code)
	}
}

// The parser returns an address or one of its errors, whatever the body is.
func FuzzParseRequest(f *testing.F) {
	f.Add(asked("joe@example.com"))
	for _, text := range requests {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, err := parseRequest(strings.NewReader(text))
		if err != nil && !errors.Is(err, errRequest) && !errors.Is(err, errProtocol) || (err == nil) == (address == "") || len(address) > len(text) {
			t.Fatalf("%q, %v", address, err)
		}
	})
}
