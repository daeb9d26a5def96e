package autoconfig

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// Thunderbird's format, as its definition has it: the elements, their order and their
// values.
func TestThunderbird(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings())
	const want = "clientConfig version=1.1(emailProvider id=example.com(domain=example.com displayName=Example <Mail> displayShortName=Example <Mail>" +
		" incomingServer type=imap(hostname=mail.example.com port=993 socketType=SSL authentication=password-cleartext username=%EMAILADDRESS%)" +
		" incomingServer type=pop3(hostname=mail.example.com port=995 socketType=SSL authentication=password-cleartext username=%EMAILADDRESS%)" +
		" incomingServer type=imap(hostname=mail.example.com port=143 socketType=STARTTLS authentication=password-cleartext username=%EMAILADDRESS%)" +
		" outgoingServer type=smtp(hostname=smtp.example.com port=465 socketType=SSL authentication=password-cleartext username=%EMAILADDRESS%)" +
		" outgoingServer type=smtp(hostname=smtp.example.com port=587 socketType=STARTTLS authentication=password-cleartext username=%EMAILADDRESS%)))"
	for _, path := range []string{ThunderbirdPath, successorPath, wellKnownPath} {
		for _, address := range []string{"", "joe@example.com", "nobody@EXAMPLE.COM"} {
			r := s.get(path, address)
			if kind := r.Header().Get("Content-Type"); kind != "text/xml; charset=utf-8" {
				t.Error(kind)
			}
			if got := parsed(t, body(t, r)).line(); got != want {
				t.Errorf("%s %q: %s", path, address, got)
			}
		}
	}
	local := settings()
	local.LocalPart, local.Name, local.Servers = true, "", []Server{{Protocol: "smtp", Host: "h", Port: 25, Challenge: true}}
	got := parsed(t, body(t, newSite(t, local).get(ThunderbirdPath, "joe@bücher.example"))).line()
	for _, part := range []string{"displayName=xn--bcher-kva.example ", "authentication=password-encrypted username=%EMAILLOCALPART%"} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in %s", part, got)
		}
	}
}

// Autodiscover's answer has the preferred server of each protocol.
func TestAutodiscover(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings())
	const want = "Autodiscover xmlns=" + responseNS + "(Response xmlns=" + outlookNS + "(User(DisplayName=Joe@example.com) Account(AccountType=email Action=settings" +
		" Protocol(Type=IMAP Server=mail.example.com Port=993 LoginName=Joe@example.com DomainRequired=off SPA=off SSL=on Encryption=SSL AuthRequired=on)" +
		" Protocol(Type=POP3 Server=mail.example.com Port=995 LoginName=Joe@example.com DomainRequired=off SPA=off SSL=on Encryption=SSL AuthRequired=on)" +
		" Protocol(Type=SMTP Server=smtp.example.com Port=465 LoginName=Joe@example.com DomainRequired=off SPA=off SSL=on Encryption=SSL AuthRequired=on))))"
	if got := parsed(t, body(t, s.post(asked("Joe@Example.com")))).line(); got != want {
		t.Error(got)
	}
	if got := parsed(t, body(t, s.get("/AutoDiscover/AutoDiscover.xml", "Joe@Example.com"))).line(); got != want {
		t.Error(got)
	}
	if got := parsed(t, body(t, s.get(AutodiscoverPath, ""))).line(); strings.Contains(got, "LoginName") || strings.Contains(got, "User") {
		t.Error(got)
	}
	local := settings()
	local.LocalPart, local.Servers = true, []Server{{Protocol: "smtp", Host: "h", Port: 465, Challenge: true}, {Protocol: "imap", Host: "h", Port: 143}}
	got := parsed(t, body(t, newSite(t, local).post(asked("joe@example.com")))).line()
	if !strings.Contains(got, "Protocol(Type=IMAP Server=h Port=143 LoginName=joe DomainRequired=off SPA=off SSL=on Encryption=TLS ") || strings.Contains(got, "SMTP") {
		t.Error(got)
	}
}

func TestAutodiscoverJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings())
	for _, query := range []string{"?Email=joe@example.com&Protocol=AutodiscoverV1", "/v1.0/Joe@example.com?Protocol=autodiscoverv1", "?Protocol=AutodiscoverV1"} {
		var got struct{ Protocol, Url string }
		r := s.get("/autodiscover/autodiscover.json"+query, "")
		if err := json.Unmarshal([]byte(body(t, r)), &got); err != nil || got.Protocol != "AutodiscoverV1" || got.Url != "https://autoconfig.example.com/autodiscover/autodiscover.xml" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for query, want := range map[string]int{
		"?Email=joe@example.com&Protocol=EWS": 400, "?Email=joe@example.org&Protocol=AutodiscoverV1": 404, "/v1.0/joe?Protocol=AutodiscoverV1": 400, "/v1.0/?Protocol=AutodiscoverV1": 200, "/v2": 404,
	} {
		if r := s.get(JSONPath+query, ""); r.Code != want {
			t.Errorf("%s: %d", query, r.Code)
		}
	}
}

// The profile has the payloads that Apple documents, and is signed by the web server's
// RSA key.
func TestProfile(t *testing.T) {
	t.Parallel()
	ca := authority.New(t)
	s := siteWith(settings(), ca, ca.ECDSA(t, "autoconfig.example.com"), ca.RSA(t, "autoconfig.example.com"))
	r := s.get(ProfilePath, "joe@example.com")
	if kind := r.Header().Get("Content-Type"); kind != "application/x-apple-aspen-config" {
		t.Error(kind)
	}
	profile := parsed(t, s.verified(t, body(t, r), x509.RSA)).Children[0].fields(t)
	mail := profile["PayloadContent"].Children[0].fields(t)
	for _, tt := range []struct {
		in              map[string]element
		key, kind, want string
	}{
		{profile, "PayloadType", "string", "Configuration"}, {profile, "PayloadVersion", "integer", "1"}, {profile, "PayloadDisplayName", "string", "Example <Mail>"},
		{mail, "PayloadType", "string", "com.apple.mail.managed"}, {mail, "EmailAccountType", "string", "EmailTypeIMAP"}, {mail, "EmailAddress", "string", "joe@example.com"},
		{mail, "IncomingMailServerHostName", "string", "mail.example.com"}, {mail, "IncomingMailServerPortNumber", "integer", "993"},
		{mail, "IncomingMailServerUseSSL", "true", ""}, {mail, "IncomingMailServerAuthentication", "string", "EmailAuthPassword"},
		{mail, "IncomingMailServerUsername", "string", "joe@example.com"}, {mail, "OutgoingMailServerUsername", "string", "joe@example.com"},
		{mail, "OutgoingMailServerHostName", "string", "smtp.example.com"}, {mail, "OutgoingMailServerPortNumber", "integer", "465"},
		{mail, "OutgoingMailServerUseSSL", "true", ""}, {mail, "OutgoingPasswordSameAsIncomingPassword", "true", ""},
	} {
		if got := tt.in[tt.key]; got.XMLName.Local != tt.kind || got.Text != tt.want {
			t.Errorf("%s: %s", tt.key, got.line())
		}
	}
	if profile["PayloadUUID"].Text == mail["PayloadUUID"].Text || len(mail["PayloadUUID"].Text) != 36 || profile["PayloadIdentifier"].Text == mail["PayloadIdentifier"].Text {
		t.Error("the payloads have no identity of their own")
	}
	again := parsed(t, s.verified(t, body(t, s.get(ProfilePath, "joe@EXAMPLE.com")), x509.RSA)).Children[0].fields(t)
	if again["PayloadUUID"].Text != profile["PayloadUUID"].Text {
		t.Error("a second profile does not replace the first")
	}
	other := newSite(t, settings())
	asks := parsed(t, other.verified(t, body(t, other.get(ProfilePath, "")), x509.ECDSA)).line()
	if strings.Contains(asks, "EmailAddress") || strings.Contains(asks, "Username") {
		t.Error(asks)
	}
	for name, change := range map[string]func(*Settings){
		"no outgoing server": func(s *Settings) { s.Servers = s.Servers[1:3] }, "no incoming server": func(s *Settings) { s.Servers = s.Servers[:1] },
	} {
		few := settings()
		change(&few)
		if r := newSite(t, few).get(ProfilePath, ""); r.Code != http.StatusNotFound {
			t.Errorf("%s: %d", name, r.Code)
		}
	}
}

// A request for another domain, path or method, or with an address that is none, gets
// an error, whose text has nothing of the request.
func TestH21_Refusals(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings())
	paths := []string{ThunderbirdPath, successorPath, wellKnownPath, AutodiscoverPath, ProfilePath}
	for _, path := range paths {
		for address, want := range map[string]int{
			"mark@example.org": 404, "mark@sub.example.com": 404, "mark@example.com.": 200, "mark": 400, "@example.com": 400, "mark@": 404, "mark\x00@example.com": 400,
			"mark\r\nX: y@example.com": 400, "mark \u202e@example.com": 400, "mark\xff@example.com": 400, strings.Repeat("mark", 17) + "@example.com": 400, "mark@ｅxample.com": 400,
		} {
			r := s.unused().get(path, address)
			if r.Code != want || want != 200 && strings.Contains(r.Body.String(), "mark") {
				t.Errorf("%s %q: %d %s", path, address, r.Code, r.Body)
			}
		}
	}
	for _, tt := range []struct {
		method, url string
		want        int
	}{
		{"GET", "https://autoconfig.example.com/", 404}, {"GET", "https://autoconfig.example.com/mail/../mark", 404}, {"GET", "https://mark.example.org/mail/config-v1.1.xml", 404},
		{"GET", "https://autoconfig.example.com/autod%C4%B0scover/autodiscover.json?Protocol=AutodiscoverV1", 200}, // in lower case the path is shorter
		{"GET", "https://example.com:443" + wellKnownPath, 200}, {"HEAD", "https://autoconfig.example.com" + ThunderbirdPath, 200},
		{"POST", "https://autoconfig.example.com" + ThunderbirdPath, 405}, {"DELETE", "https://autoconfig.example.com" + AutodiscoverPath, 405},
	} {
		if r := s.do(httptest.NewRequest(tt.method, tt.url, nil)); r.Code != tt.want {
			t.Errorf("%s %s: %d", tt.method, tt.url, r.Code)
		}
	}
	if r := (site{Handler: Handler(Options{Settings: settings(), Log: s.Handler.(*handler).Log, Certificates: none})}).get(ProfilePath, ""); r.Code != http.StatusInternalServerError {
		t.Error(r.Code)
	}
}

// Users who exist and users who do not get the same answers, but for their address.
func TestH21_NoEnumeration(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings())
	const first, second = "joe@example.com", "eve@example.com"
	for _, get := range []func(address string) string{
		func(a string) string { return body(t, s.get(ThunderbirdPath, a)) },
		func(a string) string { return body(t, s.post(asked(a))) },
	} {
		if one, other := get(first), get(second); strings.ReplaceAll(one, first, second) != other {
			t.Errorf("%s\n%s", one, other)
		}
	}
}

// A client that sends too many requests is refused; others are not.
func TestH21_TooManyRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, settings())
	var got []int
	for range perMinute + 1 {
		got = append(got, s.get(ThunderbirdPath, "").Code)
	}
	if slices.Index(got, http.StatusTooManyRequests) != perMinute {
		t.Error(got)
	}
	other := httptest.NewRequest(http.MethodGet, "https://autoconfig.example.com"+ThunderbirdPath, nil)
	other.RemoteAddr = "[2001:db8::1]:1"
	if r := s.do(other); r.Code != http.StatusOK {
		t.Error(r.Code)
	}
}
