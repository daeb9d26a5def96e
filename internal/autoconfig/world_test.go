package autoconfig

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/smallstep/pkcs7"

	"github.com/letterlock/letterlock/internal/test/authority"
)

// settings are those of a server with all protocols.
func settings() Settings {
	return Settings{
		Domains: []string{"example.com", "xn--bcher-kva.example"}, Name: "Example <Mail>",
		Servers: []Server{
			{Protocol: "smtp", Host: "smtp.example.com", Port: 465, Implicit: true},
			{Protocol: "imap", Host: "mail.example.com", Port: 993, Implicit: true},
			{Protocol: "pop3", Host: "mail.example.com", Port: 995, Implicit: true},
			{Protocol: "smtp", Host: "smtp.example.com", Port: 587},
			{Protocol: "imap", Host: "mail.example.com", Port: 143},
		},
	}
}

// site is a handler with the authority of its certificate.
type site struct {
	http.Handler
	roots *x509.CertPool
}

func newSite(t testing.TB, s Settings) site {
	t.Helper()
	ca := authority.New(t)
	return siteWith(s, ca, ca.ECDSA(t, "autoconfig.example.com"))
}

func siteWith(s Settings, ca *authority.CA, all ...tls.Certificate) site {
	return site{
		Handler(Options{Settings: s, Log: slog.New(slog.DiscardHandler), Certificates: func(string) []tls.Certificate { return all }}), ca.Pool,
	}
}

// unused returns the same site, which has received no requests.
func (s site) unused() site { return site{Handler(s.Handler.(*handler).Options), s.roots} }

// get returns the answer to a GET request; address may be empty.
func (s site) get(path, address string) *httptest.ResponseRecorder {
	if address != "" {
		path += "?emailaddress=" + url.QueryEscape(address)
	}
	return s.do(httptest.NewRequest(http.MethodGet, "https://autoconfig.example.com"+path, nil))
}

// post returns the answer to a request of Autodiscover.
func (s site) post(body string) *httptest.ResponseRecorder {
	return s.do(httptest.NewRequest(http.MethodPost, "https://autodiscover.example.com/Autodiscover/Autodiscover.xml", strings.NewReader(body)))
}

func (s site) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// asked returns a request of Autodiscover for an address.
func asked(address string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(address))
	return `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>` +
		escaped.String() + `</EMailAddress><AcceptableResponseSchema>` + outlookNS + `</AcceptableResponseSchema></Request></Autodiscover>`
}

// body returns the body of an answer with status 200.
func body(t testing.TB, r *httptest.ResponseRecorder) string {
	t.Helper()
	if r.Code != http.StatusOK {
		t.Fatalf("%d %s", r.Code, r.Body)
	}
	return r.Body.String()
}

// element is any XML element.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
	Text     string     `xml:",chardata"`
}

// parsed parses XML, and fails if a part of it is not well-formed.
func parsed(t testing.TB, text string) element {
	t.Helper()
	var e element
	decoder := xml.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(&e); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return e
		}
		if rest, ok := token.(xml.CharData); err != nil || !ok || strings.TrimSpace(string(rest)) != "" {
			t.Fatalf("%v %v after the end of\n%s", token, err, text)
		}
	}
}

// line writes an element in one line: its name, attributes, text and children.
func (e element) line() string {
	var b strings.Builder
	b.WriteString(e.XMLName.Local)
	for _, a := range e.Attrs {
		b.WriteString(" " + a.Name.Local + "=" + a.Value)
	}
	if text := strings.TrimSpace(e.Text); text != "" {
		b.WriteString("=" + text)
	}
	if len(e.Children) > 0 {
		b.WriteString("(")
		for i, c := range e.Children {
			if i > 0 {
				b.WriteString(" ")
			}
			b.WriteString(c.line())
		}
		b.WriteString(")")
	}
	return b.String()
}

// fields returns a dictionary of a property list.
func (e element) fields(t testing.TB) map[string]element {
	t.Helper()
	all := map[string]element{}
	if e.XMLName.Local != "dict" || len(e.Children)%2 != 0 {
		t.Fatalf("no dictionary: %s", e.line())
	}
	for i := 0; i < len(e.Children); i += 2 {
		all[e.Children[i].Text] = e.Children[i+1]
	}
	return all
}

// verified returns the profile in a signed answer, which must have a signature by a key
// of an algorithm.
func (s site) verified(t testing.TB, signed string, by x509.PublicKeyAlgorithm) string {
	t.Helper()
	p, err := pkcs7.Parse([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.VerifyWithChain(s.roots); err != nil {
		t.Fatal(err)
	}
	if got := p.GetOnlySigner().PublicKeyAlgorithm; got != by {
		t.Errorf("signed by %s", got)
	}
	return string(p.Content)
}
