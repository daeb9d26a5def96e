package app

import (
	"context"
	"crypto/tls"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/health"
	"github.com/letterlock/letterlock/internal/observe/page"
	"github.com/letterlock/letterlock/internal/test/authority"
	"github.com/letterlock/letterlock/internal/test/loopback"
	"github.com/letterlock/letterlock/internal/test/wait"
)

func trusted(w *world) { w.trusted = true }

// checked waits until the listeners were checked with the result that is looked for.
func (w *world) checked(ok func(page.ServedCheck) bool) (all []page.ServedCheck) {
	w.Helper()
	if !wait.Happens(func() bool {
		all = w.Proxy.served.results()
		return len(all) > 0 && !slices.ContainsFunc(all, func(c page.ServedCheck) bool { return !ok(c) })
	}) {
		w.Fatalf("the results are %+v", all)
	}
	return all
}

func accepted(c page.ServedCheck) bool { return c.Problem == "" && c.Unreached == "" && !c.Failed }

// leaf returns the certificate that a client receives, without verifying it; empty: the
// handshake has failed.
func (w *world) leaf() string {
	w.Helper()
	conn, err := w.dial(0, func(c *tls.Config) { c.InsecureSkipVerify = true })
	if err != nil {
		return ""
	}
	return string(conn.ConnectionState().PeerCertificates[0].Raw)
}

// A new certificate that clients would refuse is not used: the one before it comes back,
// and the next good one is used.
func TestH27_RefusedCertificateIsNotUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text    string
		bad     func(*world) tls.Certificate
		problem string
	}{
		"other authority": {"", func(w *world) tls.Certificate { return authority.New(w).ECDSA(w, "mail.example.com") }, "which this machine does not trust"},
		"other name":      {"", func(w *world) tls.Certificate { return w.ca.ECDSA(w, "mail.example.com.invalid", "other.example.com") }, ""},
		"no common suite": {
			"policies: [{name: ecdsa, base: strict, max_version: 1.2, suites: [ECDHE-ECDSA-AES128-GCM-SHA256]}]\n",
			func(w *world) tls.Certificate { return w.ca.RSA(w, "mail.example.com") }, "the TLS handshake fails",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "hostname: mail.example.com\nprobe: false\n" + c.text + strings.TrimPrefix(imaps, "\n")
			if c.text != "" {
				text = strings.Replace(text, "service: imaps,", "service: imaps, policy: ecdsa,", 1)
			}
			w := newWorld(t, text, trusted)
			w.checked(accepted)
			first := w.leaf()
			w.put(c.bad(w))
			w.now.Load().maintenance.files.Reload()
			r := w.checked(func(c page.ServedCheck) bool { return c.Rejected })[0]
			if w.leaf() != first || !strings.Contains(r.Problem, c.problem) || r.Remedy == "" || r.Failed {
				t.Errorf("%+v", r)
			}
			wait.Until(t, "the rejection is not logged", func() bool { return strings.Contains(w.log.String(), "a new certificate is not used") })
			if why := w.unready(); len(why) > 0 {
				t.Errorf("not ready: %q", why)
			}

			w.Reload() // reads the same files again
			w.checked(func(c page.ServedCheck) bool { return c.Rejected })
			wait.Until(t, "after a reload the refused certificate is served", func() bool { return w.leaf() == first })

			good := w.ca.ECDSA(t, "mail.example.com")
			w.put(good)
			w.now.Load().maintenance.files.Reload()
			w.checked(accepted)
			if w.leaf() != string(good.Leaf.Raw) {
				t.Error("the next good certificate is not used")
			}
		})
	}
}

// With served_check: untrusted the chain is not verified, and with off nothing is checked.
func TestServedCheckModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"untrusted", "off"} {
		w := newWorld(t, "hostname: mail.example.com\nprobe: false\nserved_check: "+mode+"\n"+strings.TrimPrefix(imaps, "\n"), trusted)
		if mode == "untrusted" {
			w.checked(accepted)
		}
		other := authority.New(t).ECDSA(t, "mail.example.com")
		w.put(other)
		w.now.Load().maintenance.files.Reload()
		if mode == "untrusted" {
			w.checked(accepted)
		} else if all := w.Proxy.served.results(); len(all) > 0 {
			t.Errorf("%+v", all)
		}
		if w.leaf() != string(other.Leaf.Raw) {
			t.Errorf("%s: the new certificate is not used", mode)
		}
	}
}

// The check is no client: it causes no line in the log, no count and no entry in the
// inventory, reaches no backend, and does not count for the limits. It is made on each
// service, behind load balancers and where a client certificate is demanded.
func TestServedCheckIsNoClient(t *testing.T) {
	t.Parallel()
	backend := loopback.Listen(t)
	dialled := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := backend.Accept()
			if err != nil {
				return
			}
			dialled <- struct{}{}
			_ = conn.Close()
		}
	}()
	text := "hostname: mail.example.com\nprobe: false\ncertificates: [{cert: cert.pem, key: key.pem}, {cert: rsa.pem, key: rsa.key}]\nlimits: {connections_per_client: 1}\nlisteners:\n"
	for _, l := range []string{
		"service: smtp, recipients: [example.com]", "service: submission", "service: submissions", "service: imap, proxy_from: [127.0.0.0/8]", "service: imaps, proxy_from: [127.0.0.0/8]",
		"service: pop3, client_certificates: require, client_ca: ca.pem", "service: pop3s, client_certificates: require, client_ca: ca.pem, policy: old", "service: sieve",
	} {
		text += "  - {" + l + ", listen: \"{host}:0\", backend: \"" + backend.Addr().String() + "\"}\n"
	}
	text += "policies: [{name: old, base: strict, max_version: 1.2}]\n"
	w := newWorld(t, text, trusted, func(w *world) { w.putAs(w.ca.RSA(w, "mail.example.com", "*.example.com"), "rsa.pem", "rsa.key") })
	if all := w.checked(accepted); len(all) != 8 {
		t.Errorf("%+v", all)
	}
	for _, line := range []string{"TLS connection established", "TLS handshake", "msg=session", "connection rejected", "PROXY"} {
		if strings.Contains(w.log.String(), line) {
			t.Errorf("%s is logged:\n%s", line, w.log)
		}
	}
	answer := httptest.NewRecorder()
	w.pages.ServeHTTP(answer, httptest.NewRequestWithContext(context.Background(), "GET", "http://localhost/metrics", nil))
	metrics, _ := io.ReadAll(answer.Body)
	for line := range strings.Lines(string(metrics)) {
		opened := strings.HasPrefix(line, "letterlock_sessions_opened_total{") || strings.HasPrefix(line, "letterlock_tls_handshakes_total{")
		if opened && !strings.HasSuffix(line, " 0\n") {
			t.Error(line)
		}
	}
	if !strings.Contains(string(metrics), `letterlock_served_check_ok{listener="`+loopback.Host()+`:0",service="pop3s"} 1`) {
		t.Errorf("the result is not among the metrics:\n%s", metrics)
	}
	if n := w.Server().Sessions(); n > 0 || len(dialled) > 0 {
		t.Errorf("%d sessions, %d connections to the backend", n, len(dialled))
	}
}

// A proxy is not ready for clients if no handshake with a listener succeeds.
func TestFailedHandshakesAreNotReady(t *testing.T) {
	t.Parallel()
	text := "hostname: mail.example.com\nprobe: false\npolicies: [{name: ecdsa, base: strict, max_version: 1.2, suites: [ECDHE-ECDSA-AES128-GCM-SHA256]}]\n" +
		strings.Replace(strings.TrimPrefix(imaps, "\n"), "service: imaps,", "service: imaps, policy: ecdsa,", 1)
	w := newWorld(t, text, trusted, func(w *world) { w.put(w.ca.RSA(w, "mail.example.com")) })
	w.checked(func(c page.ServedCheck) bool { return c.Failed })
	server := httptest.NewServer(w.pages)
	defer server.Close()
	if err := health.Ask(t.Context(), server.Listener.Addr().String(), false); err == nil || !strings.Contains(err.Error(), "the TLS handshake fails") {
		t.Error(err)
	}
}
