package smtp

import (
	"crypto/tls"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// The grammar of RFC 5321 §4.4 and §4.1.2 and of the parts of RFC 5322 that they
// use, without obsolete forms. Comments nest twice at most.
var grammar = func() *regexp.Regexp {
	const (
		atext   = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
		atom    = atext + "+"
		dotAtom = atom + `(?:\.` + atom + ")*"
		quoted  = `"(?:[ !#-\[\]-~]|\\[ -~])*"`
		fws     = `(?:(?:[ \t]*\r\n)?[ \t]+)`
		ctext   = `[!-'*-\[\]-~]`
	)
	inner := `\((?:` + fws + `?(?:` + ctext + `|\\[!-~]))*` + fws + `?\)`
	comment := `\((?:` + fws + `?(?:` + ctext + `|\\[!-~]|` + inner + `))*` + fws + `?\)`
	cfws := `(?:(?:` + fws + `?` + comment + `)+` + fws + `?|` + fws + `)`
	domain := `[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*`
	literal := `\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]+)\]`
	tcpInfo := `(?:` + literal + `|` + domain + fws + literal + `)`
	extended := `(?:` + domain + fws + `\(` + tcpInfo + `\)|` + literal + fws + `\(` + tcpInfo + `\)|` + domain + `)`
	str := `(?:` + atom + `|` + quoted + `)`
	msgID := `<` + dotAtom + `@(?:` + dotAtom + `|` + literal + `)>`
	opt := `(?:` + cfws + `via` + fws + atom + `)?(?:` + cfws + `with` + fws + atom + `)?(?:` + cfws + `id` + fws + `(?:` + atom + `|` + msgID + `))?` +
		`(?:` + cfws + `for` + fws + `<[^<>]+>)?(?:` + cfws + atom + fws + str + `)*`
	date := `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),` + fws + `\d{1,2}` + fws + `[A-Z][a-z]{2}` + fws + `\d{4}` + fws + `\d\d:\d\d:\d\d` + fws + `[+-]\d{4}`
	return regexp.MustCompile(`(?i)^Received:` + fws + `from` + fws + extended + cfws + `by` + fws + extended + opt + cfws + `?;` + fws + date + `\r\n$`)
}()

// TestGrammar checks that the grammar of this test refuses invalid headers.
func TestGrammar(t *testing.T) {
	const tail = "; Sat, 21 Nov 2026 12:00:00 +0000\r\n"
	for _, good := range []string{
		"Received: from a.example (unknown [192.0.2.1]) by b.example (X) with ESMTPS id x tls TLS_A (y (128/128 bits))" + tail,
		"Received: from a.example by b.example" + tail,
	} {
		if !grammar.MatchString(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"Received: from a_b (unknown [192.0.2.1]) by b.example with SMTP" + tail,
		"Received: from [192.0.2.1] by b.example with SMTP" + tail,
		"Received: from a (unknown 192.0.2.1]) by b.example with SMTP id" + tail,
		"Received: from a by b id x with SMTP id x y" + tail,
		"Received: from a by b with SMTP tls" + tail,
		"Received: from a by b (open with SMTP" + tail,
		"Received: by b with SMTP" + tail,
		"Received: from a by b with SMTP; yesterday\r\n",
	} {
		if grammar.MatchString(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

// introduced returns a gate whose client has sent EHLO.
func introduced(client, helo, name string) *Gate {
	g := New(&gate.Session{
		ID: "7gqh7060gapc", Hostname: "mail.example.com", Client: netip.MustParseAddrPort(client),
		Mail:       gate.Mail{Date: func() string { return "Sat, 21 Nov 2026 12:00:00 +0000" }},
		LookupName: func() gate.Name { return gate.Name{Confirmed: name} },
	}, Options{})
	g.helo, g.verb = helo, "EHLO"
	return g
}

func TestReceived(t *testing.T) {
	tls12 := &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
	for name, c := range map[string]struct {
		client, helo, name string
		state              *tls.ConnectionState
		authed, hide       bool
		want               string
	}{
		"plaintext": {"192.0.2.1:4321", "mta.example.net", "", nil, false, false,
			"from mta.example.net (unknown [192.0.2.1])\r\n\tby mail.example.com (Letterlock) with ESMTP\r\n\tid 7gqh7060gapc"},
		"TLS, name": {"[::ffff:192.0.2.1]:4321", "mta.example.net", "mx.example.net", tls12, false, false,
			"from mta.example.net (mx.example.net [192.0.2.1])\r\n\tby mail.example.com (Letterlock) with ESMTPS\r\n" +
				"\tid 7gqh7060gapc tls TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\r\n\t(using TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits))"},
		"login": {"[2001:db8::1]:4321", "[192.168.1.5]", "", tls12, true, false,
			"from [192.168.1.5] (unknown [IPv6:2001:db8::1])\r\n\tby mail.example.com (Letterlock) with ESMTPSA\r\n" +
				"\tid 7gqh7060gapc tls TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\r\n\t(using TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits))"},
		"hidden": {"192.0.2.1:4321", "alices-phone", "home.example.net", nil, true, true,
			"from mail.example.com\r\n\tby mail.example.com (Letterlock) with ESMTPA\r\n\tid 7gqh7060gapc"},
		"no domain": {"192.0.2.1:4321", "my_pc", "", nil, false, false,
			"from [192.0.2.1] (unknown [192.0.2.1]) (HELO my_pc)\r\n\tby mail.example.com (Letterlock) with ESMTP\r\n\tid 7gqh7060gapc"},
	} {
		t.Run(name, func(t *testing.T) {
			g := introduced(c.client, c.helo, c.name)
			g.authed, g.o.HideClient = c.authed, c.hide
			got := g.trace(c.state)
			if want := "Received: " + c.want + "; Sat, 21 Nov 2026 12:00:00 +0000\r\n"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
			if !grammar.MatchString(got) {
				t.Errorf("%q is not as RFC 5321 has it", got)
			}
		})
	}
}

// FuzzReceived checks that the header follows the grammar and the line length
// for any name that syntax.ValidName accepts.
func FuzzReceived(f *testing.F) {
	for _, helo := range []string{"a.example", "my_pc", "[192.0.2.1]", "[IPv6:2001:db8::1]", "[x]", "a..b", "-a", "jörg.example", "a@b", "%00", "]["} {
		f.Add(helo)
	}
	suites := append(tls.CipherSuites(), tls.InsecureCipherSuites()...)
	f.Fuzz(func(t *testing.T, helo string) {
		if !syntax.ValidName(helo) {
			return
		}
		g := introduced("192.0.2.1:4321", helo, "")
		for i, state := range []*tls.ConnectionState{nil, {Version: tls.VersionTLS13, CipherSuite: suites[len(helo)%len(suites)].ID}} {
			header := g.trace(state)
			if !grammar.MatchString(header) {
				t.Errorf("%d: %q is not as RFC 5321 has it", i, header)
			}
			for line := range strings.Lines(header) {
				if len(line) > 1000 {
					t.Errorf("a line of %d", len(line))
				}
			}
		}
	})
}

// TestReceivedSuites checks that the names of all suites are valid in the
// clause, and that Go's dates follow the grammar.
func TestReceivedSuites(t *testing.T) {
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		g := introduced("192.0.2.1:4321", "a", "")
		g.s.Mail.Date = func() string { return time.Now().Format("Mon, 2 Jan 2006 15:04:05 -0700") }
		if header := g.trace(&tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: suite.ID}); !grammar.MatchString(header) {
			t.Errorf("%q", header)
		}
	}
}
