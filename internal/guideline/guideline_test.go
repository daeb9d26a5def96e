package guideline

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/scan"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/tlspolicy"
)

var update = flag.Bool("update", false, "write testdata/judgements.txt")

// scanned returns the scan of a server with a TLS configuration.
func scanned(t *testing.T, config *tls.Config) scan.Report {
	t.Helper()
	l := loopback.Listen(t)
	loopback.Serve(l, func(conn net.Conn) { _ = tls.Server(conn, config).HandshakeContext(t.Context()) })
	return scan.Look(t.Context(), scan.Target{Service: "imaps", Protocol: "imap", Address: l.Addr().String(), Host: "mail.example.com", Implicit: true}, scan.Options{Groups: true})
}

// debian11 is the offer of a mail server of Debian 11 that uses GnuTLS 3.7 with its
// defaults, such as Exim, as far as crypto/tls has it.
func debian11(rsa tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{rsa}, MinVersion: tls.VersionTLS10,
		CurvePreferences: []tls.CurveID{tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
			tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA,
		},
	}
}

// Each guideline judges each built-in policy, and an old server, as
// testdata/judgements.txt has it.
func TestJudgements(t *testing.T) {
	var b strings.Builder
	ca := authority.New(t)
	rsa := ca.RSA(t, "mail.example.com")
	judge := func(name string, config *tls.Config) {
		r := scanned(t, config)
		for _, g := range guidelines {
			fmt.Fprintf(&b, "%s by %s\n", name, g.Name)
			for _, f := range g.Judge(r) {
				fmt.Fprintf(&b, "  %-4s  %s  [%s]\n", f.Severity, f.Text, f.Rule)
			}
		}
	}
	for _, name := range tlspolicy.Names() {
		config := named(t, name).Config()
		config.Certificates = []tls.Certificate{ca.ECDSA(t, "mail.example.com"), rsa}
		judge(name, config)
	}
	judge("a server of Debian 11", debian11(rsa))
	file := "testdata/judgements.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != b.String() {
		t.Errorf("%v; judged are\n%s", err, b.String())
	}
}

func named(t *testing.T, name string) tlspolicy.Policy {
	t.Helper()
	p, err := tlspolicy.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A policy without the items of all findings is found to be good: the fixes suffice.
// opportunistic-wide accepts all that the other policies accept.
func TestFixes(t *testing.T) {
	certificates := []tls.Certificate{authority.New(t).RSA(t, "mail.example.com")}
	wide := named(t, "opportunistic-wide")
	judge := func(g Guideline, p tlspolicy.Policy) []Finding {
		config := p.Config()
		config.Certificates = certificates
		return g.Judge(scanned(t, config))
	}
	for _, g := range guidelines {
		fixed := wide
		for _, f := range judge(g, wide) {
			fixed, _ = f.Without(fixed)
		}
		for _, f := range judge(g, fixed) {
			if f.Severity != scan.Note && f.Subject != Certificate {
				t.Errorf("%s, fixed: %s", g.Name, f.Text)
			}
		}
	}
}

// The key and the signature of a certificate are judged by their own rules.
func TestCertificates(t *testing.T) {
	good := scan.Report{TLS: true, Versions: []string{"TLSv1.2", "TLSv1.3"}, Suites: []string{"TLS_AES_128_GCM_SHA256"}, Groups: []string{"P-256"}}
	for _, c := range []struct {
		key  scan.Key
		want map[string][]scan.Severity
	}{
		{scan.Key{Type: "P-256", Bits: 256, Signature: "ECDSA-SHA256", Days: 90}, map[string][]scan.Severity{}},
		{scan.Key{Type: "RSA", Bits: 2048, Signature: "SHA256-RSA", Days: 90}, map[string][]scan.Severity{"internet.nl": {scan.Weak}, "bsi": {scan.Weak, scan.Weak}}},
		{scan.Key{Type: "RSA", Bits: 3072, Signature: "SHA256-RSA", Days: 398}, map[string][]scan.Severity{"mozilla": {scan.Weak}, "bsi": {scan.Weak}}},
		{scan.Key{Type: "RSA", Bits: 1024, Signature: "SHA1-RSA", Days: 90}, map[string][]scan.Severity{
			"internet.nl": {scan.Bad, scan.Bad}, "bsi": {scan.Bad, scan.Bad}, "nist": {scan.Bad, scan.Bad}, "mozilla": {scan.Bad, scan.Bad},
		}},
		{scan.Key{Type: "Ed25519", Signature: "Ed25519", Days: 2000}, map[string][]scan.Severity{
			"bsi": {scan.Weak, scan.Bad}, "nist": {scan.Weak, scan.Bad, scan.Weak}, "mozilla": {scan.Weak, scan.Bad, scan.Weak},
		}},
	} {
		for _, g := range guidelines {
			r := good
			r.Keys = []scan.Key{c.key}
			var got []scan.Severity
			for _, f := range g.Judge(r) {
				if f.Subject == Certificate {
					got = append(got, f.Severity)
				}
				if f.Rule == "" || f.Fix == "" || len(f.Items) == 0 {
					t.Errorf("%+v", f)
				}
			}
			if !slices.Equal(got, c.want[g.Name]) {
				t.Errorf("%s by %s: %v", c.key, g.Name, got)
			}
		}
	}
}

// A scan can report every name in the tables.
func TestNames(t *testing.T) {
	known := map[string]bool{}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		known[tlspolicy.Suite(s.ID).String()] = true
	}
	for _, g := range guidelines {
		for _, name := range slices.Concat(g.suites, g.phasedOut) {
			if !known[name] {
				t.Errorf("%s: no suite is called %s", g.Name, name)
			}
		}
		for _, name := range g.groups {
			var group tlspolicy.Group
			if err := group.UnmarshalText([]byte(name)); err != nil || group.String() != name {
				t.Errorf("%s: no group is called %s", g.Name, name)
			}
		}
		if named, err := Named(g.Name); err != nil || !reflect.DeepEqual(named, g) || g.Document == "" || g.Unseen == "" || g.About == "" {
			t.Errorf("%s: %v", g.Name, err)
		}
	}
	for name, want := range map[string]string{"internet.nl": "the policy strict", "mozilla": "the policy strict", "bsi": "suites: [ECDHE-ECDSA-AES128-GCM-SHA256, ", "nist": "base: strict"} {
		if g, _ := Named(name); !strings.Contains(g.fixSuites(), want) || strings.Contains(g.fixSuites(), "CHACHA") {
			t.Errorf("%s: %s", name, g.fixSuites())
		}
	}
	if _, err := Named("pci"); err == nil {
		t.Error("there is a guideline pci")
	}
	if len((Guideline{}).Judge(scan.Report{})) > 0 {
		t.Error("a service without TLS is judged")
	}
}

// A finding that the last check did not have is new; the first check has no new ones.
func TestHistory(t *testing.T) {
	g, day, text := guidelines[0], time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), ""
	finding := func(text, rule string) Finding {
		return Finding{Finding: scan.Finding{Severity: scan.Bad, Text: text}, Rule: rule, Subject: Suites}
	}
	check := func(days int, all ...Finding) (fresh []Finding, last time.Time) {
		t.Helper()
		h, err := ParseHistory([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		fresh, last = h.Compare(g, "imaps", "127.0.0.1:993", all, day.AddDate(0, 0, days))
		if text, err = h.Text(); err != nil {
			t.Fatal(err)
		}
		return fresh, last
	}
	if fresh, last := check(0, finding("a", "1")); len(fresh) > 0 || !last.IsZero() {
		t.Errorf("%v, %v", fresh, last)
	}
	if fresh, last := check(1, finding("a and b", "1"), finding("c", "2")); len(fresh) != 1 || fresh[0].Rule != "2" || !last.Equal(day) {
		t.Errorf("%v, %v", fresh, last)
	}
	if fresh, _ := check(2); len(fresh) > 0 {
		t.Errorf("%v", fresh)
	}
	if fresh, last := check(3, finding("a", "1")); len(fresh) != 1 || !last.Equal(day.AddDate(0, 0, 2)) {
		t.Errorf("%v, %v", fresh, last)
	}
	for _, text := range []string{"{", "[]", "{}"} {
		if h, err := ParseHistory([]byte(text)); (err == nil) != (text == "{}") || h.Services == nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
