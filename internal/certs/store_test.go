package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

func policy(t testing.TB, name string) tlspolicy.Policy {
	t.Helper()
	p, err := tlspolicy.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shake returns the certificate that a client is given.
func shake(t testing.TB, get Getter, p tlspolicy.Policy, client *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	config := p.Config()
	config.GetCertificate = get
	a, b := net.Pipe()
	defer a.Close()
	deadline := time.Now().Add(20 * time.Second)
	_, _ = a.SetDeadline(deadline), b.SetDeadline(deadline)
	done := make(chan error, 1)
	go func() {
		s := tls.Server(b, config)
		done <- s.Handshake()
		_ = b.Close()
	}()
	client.InsecureSkipVerify = true
	c := tls.Client(a, client)
	err := c.Handshake()
	if err != nil {
		_ = a.Close()
		<-done
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0], <-done
}

// world of certificates: two hosts with both kinds of key, one wildcard.
func worldStore(t testing.TB) *Store {
	t.Helper()
	h := newHierarchy(t)
	return NewStore([]tls.Certificate{
		h.pair(t, h.leaf(t, "mail.example.com", "imap.example.com")),
		h.pair(t, h.intermediate.issue(t, "other rsa", rsaKey(t, 2048), server("mail.example.net"))),
		h.pair(t, h.intermediate.issue(t, "first rsa", rsaKey(t, 2048), server("mail.example.com"))),
		h.pair(t, h.leaf(t, "*.example.net")),
		h.pair(t, h.leaf(t, "Mail.Example.Net")),
	})
}

var (
	rsaOnly   = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	ecdsaOnly = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
)

func TestChoiceByNameAndSuites(t *testing.T) {
	store := worldStore(t)
	for _, tt := range []struct {
		name   string
		suites []uint16 // nil: TLS 1.3
		want   string   // common name; empty: refused
		strict string   // the same under sni: strict
	}{
		{"mail.example.com", nil, "mail.example.com", "mail.example.com"},
		{"imap.example.com", nil, "mail.example.com", "mail.example.com"},
		{"MAIL.example.COM", nil, "mail.example.com", "mail.example.com"},
		{"mail.example.com", rsaOnly, "first rsa", "first rsa"},
		{"mail.example.net", rsaOnly, "other rsa", "other rsa"},
		{"mail.example.net", ecdsaOnly, "Mail.Example.Net", "Mail.Example.Net"},
		{"pop3.example.net", nil, "*.example.net", "*.example.net"},
		{"a.b.example.net", nil, "mail.example.com", ""},                                                     // a wildcard is one label
		{"pop3.example.net", rsaOnly, "first rsa", ""},                                                       // better than no TLS
		{"", nil, "mail.example.com", ""},                                                                    // MTAs send none
		{"", rsaOnly, "first rsa", ""},                                                                       // the default's own, not the first that works
		{"unknown.example.org", nil, "mail.example.com", ""},                                                 // RFC 8461 §7.1
		{"unknown.example.org", rsaOnly, "first rsa", ""},                                                    // a default need not be for the name
		{"imap.example.com", rsaOnly, "first rsa", ""},                                                       // the nearest
		{"mail.example.com", []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA}, "", ""}, // under strict nothing works
	} {
		for _, strict := range []bool{false, true} {
			p := policy(t, "strict")
			get, want := store.Get(p), tt.want
			if strict {
				get, want = store.Strict(p), tt.strict
			}
			client := &tls.Config{ServerName: tt.name}
			if tt.suites != nil {
				client.CipherSuites, client.MaxVersion = tt.suites, tls.VersionTLS12
			}
			cert, err := shake(t, get, p, client)
			switch {
			case want == "" && err == nil:
				t.Errorf("%q %v (strict %v): served %s", tt.name, tt.suites, strict, cert.Subject.CommonName)
			case want != "" && (err != nil || cert.Subject.CommonName != want):
				t.Errorf("%q %v (strict %v): %v, %v; want %s", tt.name, tt.suites, strict, cert, err, want)
			case strict && want == "" && tt.want != "" && len(store.table.Load().named(tt.name)) == 0 && !strings.Contains(err.Error(), "unrecognized name"):
				t.Errorf("%q: %v", tt.name, err)
			}
		}
	}
}

// Where one certificate gives GCM and the other CBC, it is GCM.
func TestTheBetterSuiteDecides(t *testing.T) {
	p := policy(t, "compat")
	cert, err := shake(t, worldStore(t).Get(p), p, &tls.Config{ServerName: "mail.example.com", MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}})
	if err != nil || cert.Subject.CommonName != "first rsa" {
		t.Errorf("%v, %v", cert, err)
	}
}

func TestNoCertificateAtAll(t *testing.T) {
	p := policy(t, "strict")
	if _, err := shake(t, NewStore(nil).Get(p), p, &tls.Config{}); err == nil {
		t.Error("a handshake without a certificate")
	}
}

// hundreds of pairs on disk, whose keys are few.
func hundreds(t testing.TB, h hierarchy, n int) (files []File, renew func()) {
	t.Helper()
	folder, key := t.TempDir(), ecdsaKey(t)
	write := func(i int) File {
		host := filepath.Join(folder, fmt.Sprint(i))
		if err := os.MkdirAll(host, 0o700); err != nil {
			t.Fatal(err)
		}
		leaf := h.intermediate.issue(t, fmt.Sprintf("h%d.example.com", i), key, server(fmt.Sprintf("h%d.example.com", i)))
		f := File{filepath.Join(host, "cert.pem"), filepath.Join(host, "key.pem")}
		for name, text := range map[string][]byte{f.Cert: certPEM(leaf, h.intermediate), f.Key: keyPEM(t, key)} {
			if err := os.WriteFile(name+".new", text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(name+".new", name); err != nil {
				t.Fatal(err)
			}
		}
		return f
	}
	for i := range n {
		files = append(files, write(i))
	}
	return files, func() {
		for i := range n {
			write(i)
		}
	}
}

// Many certificates are replaced repeatedly during handshakes. Every handshake
// gets the certificate for its server name, the old or the new one.
func TestManyReloadedUnderLoad(t *testing.T) {
	many := 200
	if testing.Short() {
		many = 20
	}
	h := newHierarchy(t)
	files, renew := hundreds(t, h, many)
	k, err := NewKeeper(files)
	if err != nil {
		t.Fatal(err)
	}
	p := policy(t, "strict")
	get := k.Store.Get(p)
	first := k.Store.Certificates()[many-1].Leaf.SerialNumber
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for n := range 4 {
		clients.Go(func() {
			for i := n; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("h%d.example.com", i*7%many)
				cert, err := shake(t, get, p, &tls.Config{ServerName: name})
				if err != nil || cert.Subject.CommonName != name {
					t.Errorf("asked for %s, got %v, %v", name, cert, err)
					return
				}
			}
		})
	}
	for range 3 {
		renew()
		for i := range files {
			if changed, err := k.Reload(i, time.Now()); err != nil || !changed {
				t.Errorf("%s: %v, %v", files[i].Cert, changed, err)
			}
		}
	}
	close(stop)
	clients.Wait()
	if last := k.Store.Certificates()[many-1].Leaf.SerialNumber; last.Cmp(first) <= 0 {
		t.Errorf("the certificate is still %v", last)
	}
}

func BenchmarkGetOfHundreds(b *testing.B) {
	h := newHierarchy(b)
	files, _ := hundreds(b, h, 200)
	k, err := NewKeeper(files)
	if err != nil {
		b.Fatal(err)
	}
	get := k.Store.Get(policy(b, "strict"))
	hello := &tls.ClientHelloInfo{ServerName: "h199.example.com", SupportedVersions: []uint16{tls.VersionTLS13}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}}
	for b.Loop() {
		if _, err := get(hello); err != nil {
			b.Fatal(err)
		}
	}
}
