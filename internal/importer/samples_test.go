package importer

import (
	"strings"
	"testing"

	"github.com/letterlock/letterlock/configs"
)

// samples have the forms of the examples that Debian installs with these programs.
var samples = []struct {
	name    string
	from    Format
	text    string
	notes   []string // parts of the notes
	yaml    []string // parts of the configuration
	without string   // what neither has
}{
	{"the two halves of stunnel, and the key of a token", "stunnel",
		"engineCtrl = PIN:geheim\nverifyChain = yes\nCApath = /etc/ssl/certs\n[up]\nclient = yes\naccept = 127.0.0.1:143\nconnect = imap.example.net:993\ncheckHost = imap.example.net\nOCSPaia = yes\n" +
			"[imaps]\naccept = 993\nconnect = 143\nverifyChain = no\ncert = pkcs11:token=mine;pin-value=geheim\n",
		[]string{"engineCtrl PIN:...: not carried over", "OCSPaia yes: WEAK: revocation lists", "pkcs11:token=mine;pin-value=...: certificates and keys"},
		[]string{"addresses: ['imap.example.net:993']", "tls: tls", "server_name: imap.example.net"}, "CApath"},
	{"a folder of other authorities", "stunnel",
		"[up]\nclient = yes\naccept = 127.0.0.1:143\nconnect = 10.0.0.5:993\nverifyChain = yes\nCApath = /etc/own\n[imaps]\naccept = 993\nconnect = 143\n",
		[]string{"CApath /etc/own: not carried over"}, nil, "WEAK"},
	{"words of HAProxy's servers", "haproxy",
		"global\n crt-base /etc/crt\n ca-base /etc/ca\ndefaults\n mode tcp\n default-server ssl verify none\nlisten a\n no option httpclose\n" +
			" bind :993 ssl crt a.pem verify required ca-file l.pem crl-file l.pem\n default-server verify required ca-file b.pem crt c.pem\n" +
			" server a 10.0.0.5:993 socks4 127.0.0.1:1080 source 0.0.0.0 usesrc clientip\n server b 10.0.0.6:993 crl-file l.pem\n",
		[]string{":9: bind :993", "WEAK: revocation", "no option httpclose: not carried over: it is an option", "crt: no client certificate is shown", "socks4: a backend is reached without", "server b 10.0.0.6:993 crl-file l.pem: WEAK"},
		[]string{"tls: tls", "ca: /etc/ca/b.pem", "client_ca: /etc/ca/l.pem", "{cert: /etc/crt/a.pem,", "handover: tproxy"}, "verify: false"},
	{"sections of HAProxy", "haproxy", "global\n ca-base /etc/ca\ndefaults\n mode tcp\nfrontend f\n bind :993 ssl crt /etc/a.pem\n default_backend b\n" +
		"backend b\n mode tcp\n server a 10.0.0.5:993 ssl ca-file @system-ca\n", nil, []string{"tls: tls"}, "mode tcp"},
	{"an expression of Postfix", "postfix",
		"myhostname = mail.example.com\nmydestination = $myhostname\nrelay_domains = ${{$compatibility_level} <level {2} ? {$mydestination} : {}}\n",
		[]string{"main:3: relay_domains", "the expression is not evaluated"}, []string{"recipients: [mail.example.com]"}, "domains in"},
	{"a mail server by Dovecot", "dovecot", "ssl = required\n", []string{"the files do not set protocols", "if login_trusted_networks contains the proxy's address"}, []string{"service: pop3s"}, "Dovecot forwards"},
	{"nginx's switch", "nginx", "mail {\n server {\n  listen localhost:143;\n  protocol imap;\n  proxy on;\n ssl_ocsp on;\n }\n}\n",
		[]string{"proxy on: not carried over: every session goes", "ssl_ocsp on: WEAK"}, []string{"listen: '127.0.0.1:143'"}, "no such setting"},
}

func TestSamples(t *testing.T) {
	for _, c := range samples {
		t.Run(c.name, func(t *testing.T) {
			o := Options{From: c.from}
			if c.from != "stunnel" && c.from != "haproxy" { // these name it
				o.Backend = "10.0.0.5"
			}
			imported, err := Read([]File{{"main", []byte(c.text)}}, o)
			if err != nil {
				t.Fatal(err)
			}
			var notes strings.Builder
			for _, n := range imported.Notes {
				notes.WriteString(n.String() + "\n")
			}
			all := notes.String() + imported.YAML()
			for _, want := range append(c.notes, c.yaml...) {
				if !strings.Contains(all, want) {
					t.Errorf("no %q in\n%s", want, all)
				}
			}
			if strings.Contains(all, c.without) || strings.Contains(all, "geheim") {
				t.Errorf("%q is in\n%s", c.without, all)
			}
			if _, err := configs.Elsewhere("mail.example.com").Parse("letterlock.yaml", []byte(imported.YAML())); err != nil {
				t.Error(err)
			}
		})
	}
}
