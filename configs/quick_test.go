package configs

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestSimple(t *testing.T) {
	c, err := Elsewhere("mail.example.com").Simple(Quick{Backend: "legacy.lan"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Listeners) != len(Inbound()) {
		t.Fatalf("%d listeners", len(c.Listeners))
	}
	for i, l := range c.Listeners {
		f := services[i]
		if l.Service != f.service || l.Listen != ":"+portText(f.service) || !strings.HasPrefix(l.Backend, "legacy.lan:") {
			t.Errorf("%+v", l)
		}
	}
	if !equal(c.Listeners[0].Recipients, []string{"mail.example.com", "example.com"}) {
		t.Errorf("recipients %v", c.Listeners[0].Recipients)
	}
	if c.Limits != Default().Limits || c.Timeouts != Default().Timeouts || c.StateDir != Default().StateDir {
		t.Error("not the defaults")
	}
}

func TestSimpleWithEverything(t *testing.T) {
	c, err := Elsewhere("").Simple(Quick{
		Backend: "2001:db8::1", Hostname: "MX.example.com", Listen: "2001:db8::2", Services: []Service{IMAPS, SMTP},
		Recipients: []string{"example.net"}, Cert: "/c.pem", Key: "/k.pem", StateDir: "/state", LogFormat: "json", LogHeader: "never", LogLevel: "warn",
	})
	if err == nil {
		t.Fatalf("a public backend was accepted: %+v", c)
	}
	c, err = Elsewhere("").Simple(Quick{
		Backend: "fd00::1", Hostname: "MX.example.com", Listen: "2001:db8::2", Services: []Service{IMAPS, SMTP},
		Recipients: []string{"example.net"}, Cert: "/c.pem", Key: "/k.pem", StateDir: "/state", LogFormat: "json", LogHeader: "never", LogLevel: "warn",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Hostname, want.StateDir = "mx.example.com", "/state"
	want.Log.Format, want.Log.Header, want.Log.Level = "json", "never", "warn"
	want.Certificates = []Certificate{{"/c.pem", "/k.pem"}}
	want.Listeners = []Listener{
		withDefaults(Listener{Service: IMAPS, Listen: "[2001:db8::2]:993", Backend: "[fd00::1]:143"}),
		withDefaults(Listener{Service: SMTP, Listen: "[2001:db8::2]:25", Backend: "[fd00::1]:25", Recipients: []string{"example.net"}}),
	}
	c.origin = origin{}
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("%+v\nis not\n%+v", *c, want)
	}
}

// ACME needs only an email address or a name.
func TestSimpleWithACME(t *testing.T) {
	q := Quick{Backend: "b", ACME: &ACME{Email: "postmaster@example.com"}}
	c, err := Elsewhere("mail.example.com").Simple(q)
	if err != nil {
		t.Fatal(err)
	}
	want := ACME{Email: "postmaster@example.com", Hosts: []string{"mail.example.com"}, Keys: []string{"p256", "rsa2048"}, HTTP: ":80", Directory: "https://acme-v02.api.letsencrypt.org/directory"}
	if !reflect.DeepEqual(*c.ACME, want) || q.ACME.Directory != "" {
		t.Errorf("%+v", c.ACME)
	}
}

// Instances in containers share their state by variables alone. What is not set has the
// defaults of a file.
func TestSimpleWithCluster(t *testing.T) {
	q, err := FromEnv([]string{
		"LETTERLOCK_BACKEND=b", "LETTERLOCK_CLUSTER_ADDRESSES=store, 10.0.0.8:7000", "LETTERLOCK_CLUSTER_KEY_FILE=/run/secrets/key",
		"LETTERLOCK_CLUSTER_TLS=false", "LETTERLOCK_CLUSTER_USER=letterlock", "LETTERLOCK_CLUSTER_PASSWORD_FILE=/run/secrets/password",
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Elsewhere("mail.example.com").Simple(q)
	if err != nil {
		t.Fatal(err)
	}
	unencrypted := false
	want := Cluster{
		Addresses: []string{"store:6379", "10.0.0.8:7000"}, KeyFile: "/run/secrets/key", TLS: &unencrypted, User: "letterlock",
		PasswordFile: "/run/secrets/password", Prefix: "letterlock", Instance: "mail.example.com",
	}
	if !reflect.DeepEqual(*c.Cluster, want) || q.Cluster.Addresses[0] != "store" || q.Cluster.Prefix != "" {
		t.Errorf("%+v", c.Cluster)
	}
}

func TestOwnDomains(t *testing.T) {
	for hostname, want := range map[string][]string{
		"mail.example.com":      {"mail.example.com", "example.com"},
		"example.com":           {"example.com"},
		"example.co.uk":         {"example.co.uk"},
		"mail.example.co.uk":    {"mail.example.co.uk", "example.co.uk"},
		"alice.github.io":       {"alice.github.io"},
		"mail.corp.example.com": {"mail.corp.example.com", "corp.example.com"},
	} {
		if got := OwnDomains(hostname); !equal(got, want) {
			t.Errorf("%s: %v", hostname, got)
		}
	}
}

func TestSimpleNeverRelaysByItself(t *testing.T) {
	c, err := Elsewhere("mail.example.com").Simple(Quick{Backend: "b", AllowOpenRelay: true})
	if err != nil || len(c.Listeners[0].Recipients) != 0 || !c.Listeners[0].AllowOpenRelay {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = Elsewhere("pc").Simple(Quick{Backend: "b"})
	if err != nil || !equal(c.Listeners[0].Recipients, []string{"pc"}) {
		t.Errorf("a bare hostname gave %+v, %v", c, err)
	}
	if _, err := Elsewhere("pc").Simple(Quick{Backend: "b", Services: []Service{IMAPS}}); err != nil {
		t.Error(err)
	}
}

func TestSimpleErrors(t *testing.T) {
	tests := []struct {
		name string
		q    Quick
		want string
	}{
		{"no backend", Quick{}, "--backend (LETTERLOCK_BACKEND): there is no backend"},
		{"socket", Quick{Backend: "unix:/run/mail"}, "--backend (LETTERLOCK_BACKEND): sockets are one per service"},
		{"port", Quick{Backend: "legacy.lan:25"}, `--backend (LETTERLOCK_BACKEND): "legacy.lan:25" is not a host`},
		{"no name", Quick{Backend: "lega cy"}, `--backend (LETTERLOCK_BACKEND): "lega cy" has a host that is neither`},
		{"itself", Quick{Backend: "127.0.0.1"}, "--backend (LETTERLOCK_BACKEND): 127.0.0.1 is this proxy itself"},
		{"itself by address", Quick{Backend: "10.0.0.1", Listen: "10.0.0.1"}, "--backend (LETTERLOCK_BACKEND): 10.0.0.1 is this proxy itself"},
		{"public", Quick{Backend: "8.8.8.8"}, "--backend (LETTERLOCK_BACKEND): 8.8.8.8 is a public address"},
		{"hostname", Quick{Backend: "b", Hostname: "a b"}, `--hostname (LETTERLOCK_HOSTNAME): hostname "a b" is not a domain name`},
		{"listen", Quick{Backend: "b", Listen: ":25"}, `--listen (LETTERLOCK_LISTEN): ":25" is not an address`},
		{"service", Quick{Backend: "b", Services: []Service{"smtps"}}, `--services (LETTERLOCK_SERVICES): "smtps" is not a service`},
		{"service twice", Quick{Backend: "b", Services: []Service{IMAP, IMAP}}, "--services (LETTERLOCK_SERVICES): imap is named twice"},
		{"recipients", Quick{Backend: "b", Recipients: []string{"a b"}}, `--recipients (LETTERLOCK_RECIPIENTS): "a b" is not a domain name`},
		{"status", Quick{Backend: "b", Status: "8080"}, `LETTERLOCK_STATUS_LISTEN: `},
		{"handover of all", Quick{Backend: "b", Services: []Service{IMAP}, Handover: "xclient"}, "LETTERLOCK_HANDOVER: "},
		{"handover of one", Quick{Backend: "b", Each: each(IMAP, QuickListener{Handover: "xclient"})}, "LETTERLOCK_IMAP_HANDOVER: "},
		{"policy of one", Quick{Backend: "b", Each: each(IMAP, QuickListener{Policy: "strickt"})}, `LETTERLOCK_IMAP_POLICY: "strickt" is not a TLS policy`},
		{"backend of one", Quick{Backend: "b", Each: each(IMAP, QuickListener{Backend: "le gacy"})}, `LETTERLOCK_IMAP_BACKEND: "le gacy" has a host`},
		{"listen of one", Quick{Backend: "b", Each: each(IMAP, QuickListener{Listen: "993"})}, "LETTERLOCK_IMAP_LISTEN: "},
		{"a circle", Quick{Each: each(IMAP, QuickListener{Backend: "127.0.0.1:143"})}, "LETTERLOCK_IMAP_BACKEND: 127.0.0.1:143 is this proxy's own imap listener"},
		{"services without a backend", Quick{Services: []Service{IMAP, POP3}, Each: each(IMAP, QuickListener{Backend: "b"})}, "--backend (LETTERLOCK_BACKEND): pop3 has no backend\n  set LETTERLOCK_POP3_BACKEND"},
		{"a service that does not run", Quick{Backend: "b", Services: []Service{POP3}, Each: each(IMAP, QuickListener{Listen: ":1143"})}, "LETTERLOCK_IMAP_LISTEN: imap does not run"},
		{"contradiction", Quick{Backend: "b", Recipients: []string{"a.example"}, AllowOpenRelay: true}, "LETTERLOCK_ALLOW_OPEN_RELAY: allow_open_relay contradicts"},
		{"half a certificate", Quick{Backend: "b", Cert: "/c.pem"}, "LETTERLOCK_KEY: the certificate has no private key\n  set LETTERLOCK_KEY to the file with the private key"},
		{"the other half", Quick{Backend: "b", Key: "/k.pem"}, "LETTERLOCK_CERT: the private key has no certificate\n  set LETTERLOCK_CERT"},
		{"a port behind IPv6", Quick{Backend: "fd00::5:143"}, "--backend (LETTERLOCK_BACKEND): \"fd00::5:143\" is a complete IPv6 address, but may be meant as a shorter address and a port\n  give the host alone"},
		{"ACME for a bare name", Quick{Backend: "b", Hostname: "pc", ACME: &ACME{}}, `--acme-hosts (LETTERLOCK_ACME_HOSTS): "pc" has no domain`},
		{"ACME without a host", Quick{Backend: "b", Cert: "/c.pem", Key: "/k.pem", ACME: &ACME{}}, "--acme-hosts (LETTERLOCK_ACME_HOSTS): certificates come from files, and acme has nothing to get\n  give --acme-hosts"},
		{"ACME e-mail", Quick{Backend: "b", ACME: &ACME{Email: "me"}}, `--acme-email (LETTERLOCK_ACME_EMAIL): "me" is not an address`},
		{"ACME directory", Quick{Backend: "b", ACME: &ACME{Directory: "http://ca.example"}}, `--acme-directory (LETTERLOCK_ACME_DIRECTORY): "http://ca.example" is not an https URL`},
		{"half an account", Quick{Backend: "b", ACME: &ACME{EAB: &EAB{KID: "kid"}}}, "--acme-eab-kid (LETTERLOCK_ACME_EAB_KID): eab needs"},
		{"ACME port", Quick{Backend: "b", ACME: &ACME{HTTP: ":25"}}, "--acme-http (LETTERLOCK_ACME_HTTP): :25 is taken by the smtp listener"},
		{"a cluster without addresses", Quick{Backend: "b", Cluster: &Cluster{KeyFile: "/k"}}, "LETTERLOCK_CLUSTER_ADDRESSES: the cluster has no addresses\n  set LETTERLOCK_CLUSTER_ADDRESSES"},
		{"a cluster without a key", Quick{Backend: "b", Cluster: &Cluster{Addresses: []string{"store"}}}, "LETTERLOCK_CLUSTER_KEY_FILE: the cluster has no key\n  set LETTERLOCK_CLUSTER_KEY_FILE"},
		{"a cluster with a user alone", Quick{Backend: "b", Cluster: &Cluster{Addresses: []string{"store"}, KeyFile: "/k", User: "u"}}, "LETTERLOCK_CLUSTER_USER: a user without a password cannot authenticate\n  set LETTERLOCK_CLUSTER_PASSWORD_FILE"},
		{"a store in public", Quick{Backend: "b", Cluster: &Cluster{Addresses: []string{"10.0.0.7", "8.8.8.8"}, KeyFile: "/k", TLS: new(bool)}}, "LETTERLOCK_CLUSTER_ADDRESSES: 8.8.8.8 is a public address, and the password would go there in plaintext\n  remove LETTERLOCK_CLUSTER_TLS"},
		{"log", Quick{Backend: "b", LogLevel: "loud"}, `LETTERLOCK_LOG_LEVEL: level cannot be "loud"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Elsewhere("mail.example.com").Simple(tt.q)
			var all Errors
			if !errors.As(err, &all) || len(all) != 1 || !strings.HasPrefix(all[0].Error(), tt.want) {
				t.Errorf("%v, not %s", err, tt.want)
			}
		})
	}
}

// each returns the settings of one service.
func each(s Service, l QuickListener) map[Service]QuickListener {
	return map[Service]QuickListener{s: l}
}

// A sidecar shares the ports of the mail server, so each service names its own.
func TestSimpleSidecar(t *testing.T) {
	q, err := FromEnv([]string{
		"LETTERLOCK_IMAP_BACKEND=127.0.0.1:1143", "LETTERLOCK_SMTP_BACKEND=127.0.0.1:10025", "LETTERLOCK_SMTP_HANDOVER=xclient", "LETTERLOCK_IMAPS_BACKEND=127.0.0.1:1143",
		"LETTERLOCK_IMAPS_LISTEN=:1993", "LETTERLOCK_IMAPS_POLICY=modern", "LETTERLOCK_RECIPIENTS=example.com", "LETTERLOCK_STATUS_LISTEN=127.0.0.1:8080",
		"LETTERLOCK_PROXY_FROM=10.89.0.10, 10.90.0.0/24",
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Elsewhere("mail.example.com").Simple(q)
	if err != nil {
		t.Fatal(err)
	}
	balancers := []Network{{netip.MustParsePrefix("10.89.0.10/32")}, {netip.MustParsePrefix("10.90.0.0/24")}}
	want := []Listener{
		withDefaults(Listener{Service: SMTP, Listen: ":25", Backend: "127.0.0.1:10025", Handover: "xclient", Recipients: []string{"example.com"}, ProxyFrom: balancers}),
		withDefaults(Listener{Service: IMAP, Listen: ":143", Backend: "127.0.0.1:1143", ProxyFrom: balancers}),
		withDefaults(Listener{Service: IMAPS, Listen: ":1993", Backend: "127.0.0.1:1143", Policy: "modern", ProxyFrom: balancers}),
	}
	if !reflect.DeepEqual(c.Listeners, want) || c.Status.Listen != "127.0.0.1:8080" {
		t.Errorf("%+v\nis not\n%+v", c.Listeners, want)
	}
}

// The backend of all services on loopback is possible if each service listens
// elsewhere.
func TestSimpleOnLoopback(t *testing.T) {
	q := Quick{Backend: "127.0.0.1", Services: []Service{IMAP}, Each: each(IMAP, QuickListener{Listen: ":1143"})}
	c, err := Elsewhere("mail.example.com").Simple(q)
	if err != nil || c.Listeners[0].Listen != ":1143" || c.Listeners[0].Backend != "127.0.0.1:143" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestFileFromEnv(t *testing.T) {
	if file, err := FileFromEnv([]string{"PATH=/bin", "LETTERLOCK_CONFIG=/etc/letterlock.yaml"}); file != "/etc/letterlock.yaml" || err != nil {
		t.Errorf("%q, %v", file, err)
	}
	if _, err := FileFromEnv([]string{`LETTERLOCK_CONFIG="/etc/letterlock.yaml"`}); err == nil || !strings.HasPrefix(err.Error(), `LETTERLOCK_CONFIG: the quotes in "/etc/letterlock.yaml" are part of the value`) {
		t.Error(err)
	}
}

func TestFromEnv(t *testing.T) {
	q, err := FromEnv([]string{
		"PATH=/bin", "LETTERLOCK_BACKEND=legacy", "LETTERLOCK_HOSTNAME=mail.example.com", "LETTERLOCK_RECIPIENTS=a.example, b.example,",
		"LETTERLOCK_SERVICES=imaps,smtp", "LETTERLOCK_LISTEN=10.0.0.1", "LETTERLOCK_CERT=/c", "LETTERLOCK_KEY=/k", "LETTERLOCK_STATE_DIR=/s",
		"LETTERLOCK_LOG_FORMAT=json", "LETTERLOCK_LOG_LEVEL=", "LETTERLOCK_ALLOW_OPEN_RELAY=1",
		"LETTERLOCK_ACME_EMAIL=a@b.example", "LETTERLOCK_ACME_HOSTS=a.example, b.example", "LETTERLOCK_ACME_HTTP=:8080", "LETTERLOCK_ACME_TLS_ALPN=:8443",
		"LETTERLOCK_ACME_DIRECTORY=https://ca.example/dir", "LETTERLOCK_ACME_EAB_KID=kid", "LETTERLOCK_ACME_EAB_KEY_FILE=/eab", "LETTERLOCK_ACME_CA_ROOTS=/roots",
	})
	want := Quick{
		Backend: "legacy", Hostname: "mail.example.com", Recipients: []string{"a.example", "b.example"}, Services: []Service{IMAPS, SMTP},
		Listen: "10.0.0.1", Cert: "/c", Key: "/k", StateDir: "/s", LogFormat: "json", AllowOpenRelay: true,
		ACME: &ACME{
			Email: "a@b.example", Hosts: []string{"a.example", "b.example"}, HTTP: ":8080", TLSALPN: ":8443",
			Directory: "https://ca.example/dir", EAB: &EAB{"kid", "/eab"}, CARoots: "/roots",
		},
	}
	if err != nil || !reflect.DeepEqual(q, want) {
		t.Errorf("%+v, %v", q, err)
	}
}

func TestFromEnvErrors(t *testing.T) {
	tests := map[string]string{
		"LETTERLOCK_BAKEND=b":              "LETTERLOCK_BAKEND: unknown variable\n  set LETTERLOCK_BACKEND",
		"LETTERLOCK_COLOUR=red":            "LETTERLOCK_COLOUR: unknown variable\n  the variables are LETTERLOCK_HOSTNAME, LETTERLOCK_STATE_DIR",
		"LETTERLOCK_IMAP_BAKEND=b":         "LETTERLOCK_IMAP_BAKEND: unknown variable\n  set LETTERLOCK_IMAP_BACKEND",
		"LETTERLOCK_PROXY_FROM=10.0.0.1/8": "LETTERLOCK_PROXY_FROM: \"10.0.0.1/8\" has bits set after its length",
		"LETTERLOCK_SMARTHOST_BACKEND=b":   "LETTERLOCK_SMARTHOST_BACKEND: unknown variable",
		"LETTERLOCK_BACKEND=\"10.0.0.5\"":  "LETTERLOCK_BACKEND: the quotes in \"10.0.0.5\" are part of the value\n  leave the quotes out",
		"LETTERLOCK_HOSTNAME='a.example'":  "LETTERLOCK_HOSTNAME: the quotes in 'a.example' are part of the value",
		"LETTERLOCK_CLUSTER_TLS=no":        `LETTERLOCK_CLUSTER_TLS: "no" is neither true nor false`,
		"LETTERLOCK_ALLOW_OPEN_RELAY=sure": `LETTERLOCK_ALLOW_OPEN_RELAY: "sure" is neither true nor false`,
	}
	for pair, want := range tests {
		if _, err := FromEnv([]string{pair}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", pair, err)
		}
	}
}

// Kubernetes sets these variables in every pod beside a service named
// letterlock or letterlock-smtp.
func TestFromEnvLeavesTheOrchestratorAlone(t *testing.T) {
	q, err := FromEnv([]string{
		"LETTERLOCK_SERVICE_HOST=10.0.0.1", "LETTERLOCK_SERVICE_PORT=25", "LETTERLOCK_SERVICE_PORT_SMTP=25", "LETTERLOCK_PORT=tcp://10.0.0.1:25",
		"LETTERLOCK_PORT_25_TCP=tcp://10.0.0.1:25", "LETTERLOCK_PORT_25_TCP_PROTO=tcp", "LETTERLOCK_PORT_25_TCP_PORT=25",
		"LETTERLOCK_PORT_25_TCP_ADDR=10.0.0.1", "LETTERLOCK_SMTP_SERVICE_HOST=10.0.0.1", "LETTERLOCK_SMTP_PORT_25_TCP=tcp://10.0.0.1:25",
	})
	if err != nil || !reflect.DeepEqual(q, Quick{}) {
		t.Errorf("%+v, %v", q, err)
	}
}
