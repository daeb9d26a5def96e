package send

import (
	"compress/gzip"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/internal/tlsreport"
)

// A report by mail has the form of RFC 8460, and a valid DKIM signature of all its
// header fields.
func TestMail(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ed := ed25519Key(t)
	public, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key    crypto.Signer
		record string
	}{
		{rsaKey, "v=DKIM1; s=email:tlsrpt; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)},
		{ed, "v=DKIM1; s=email:tlsrpt; k=ed25519; p=" + base64.StdEncoding.EncodeToString(ed.Public().(ed25519.PublicKey))},
	} {
		w := newWorld(t, "v=TLSRPTv1; rua=mailto:tls@a.example", tt.key)
		w.work(1)
		if fmt.Sprint(w.outcomes, w.to) != "[sent] [tls@a.example]" {
			t.Fatal(w.outcomes, w.to, w.log.String())
		}
		verifications, err := dkim.VerifyWithOptions(strings.NewReader(w.mails[0]), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
			if name != "sel._domainkey.example.com" {
				return nil, errDNS
			}
			return []string{tt.record}, nil
		}})
		if err != nil || len(verifications) != 1 || verifications[0].Err != nil || verifications[0].Domain != "example.com" {
			t.Fatalf("%+v, %v", verifications, err)
		}
		for _, field := range []string{"From", "To", "Subject", "Date", "Message-ID", "TLS-Report-Domain", "TLS-Report-Submitter", "TLS-Required", "Content-Type"} {
			if !strings.Contains(strings.Join(verifications[0].HeaderKeys, ",")+",", field+",") {
				t.Errorf("%s is not signed: %v", field, verifications[0].HeaderKeys)
			}
		}
		checkMessage(t, w.mails[0])
	}
}

func checkMessage(t *testing.T, text string) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("a line of %d bytes: %.80q", len(line), line)
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": "<tls-reports@example.com>", "To": "<tls@a.example>", "TLS-Report-Domain": "a.example", "TLS-Report-Submitter": "example.com", "TLS-Required": "No",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	id := m.Header.Get("Message-ID")
	if subject := m.Header.Get("Subject"); subject != "Report Domain: a.example Submitter: example.com Report-ID: "+id {
		t.Errorf("the subject is %s", subject)
	}
	if !strings.HasPrefix(m.Header.Get("Content-Type"), `multipart/report; report-type="tlsrpt";`) || !strings.Contains(text, `filename="example.com!a.example!1795824000!1795910399.json.gz"`) {
		t.Error(text)
	}
	reports, err := tlsreport.Read([]byte(text))
	if err != nil || len(reports) != 1 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	r := reports[0]
	if r.Organization != "Example Ltd" || r.Contact != "tls-reports@example.com" || "<"+r.ID+">" != id || r.Range.Start.Format(time.RFC3339) != "2026-11-28T00:00:00Z" || r.Range.End.Format(time.RFC3339) != "2026-11-28T23:59:59Z" {
		t.Errorf("%+v", r)
	}
	if got := fmt.Sprintf("%+v", r.Policies); got != "[{Policy:{Type:sts Lines:[version: STSv1 mode: enforce] Domain:a.example MX:[*.a.example]} Summary:{Successful:1 Failed:1} "+
		"Failures:[{Type:validation-failure Sender:198.51.100.1 Host:mx.a.example IP:192.0.2.1 Count:1 Reason:no answer}]}]" {
		t.Error(got)
	}
}

// By HTTPS the report alone is sent, compressed.
func TestPost(t *testing.T) {
	posted := make(chan string, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		zipped, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		text, err := io.ReadAll(zipped)
		posted <- fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Content-Type"), " ", err, " ", string(text))
	}))
	defer server.Close()
	w := newWorld(t, "v=TLSRPTv1; rua="+server.URL+"/report?to=1", nil)
	w.web = server.Client()
	w.work(1)
	const want = `POST /report?to=1 application/tlsrpt+gzip <nil> {"organization-name":"Example Ltd","date-range":{"start-datetime":"2026-11-28T00:00:00Z","end-datetime":"2026-11-28T23:59:59Z"},"contact-info":"tls-reports@example.com",`
	if got := <-posted; !strings.HasPrefix(got, want) || w.outcomes[0] != "sent" {
		t.Error(got, w.outcomes)
	}
}

// Each address gets the report; it has arrived if one of them accepts it. Without one it
// is sent again, until 24 hours have passed.
func TestSeveralAddresses(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	w := newWorld(t, "v=TLSRPTv1; rua="+server.URL+",mailto:a@a.example,mailto:b@a.example", ed25519Key(t))
	w.web, w.refuse = server.Client(), errDNS
	for i := range 8 {
		w.work(i + 1)
		w.set(morning.Add(10*time.Minute<<(i+1) - 10*time.Minute))
	}
	if got := strings.Join(w.outcomes, " "); got != strings.Repeat("deferred ", 7)+"failed" || len(w.mails) != 16 {
		t.Errorf("%s, %d mails", got, len(w.mails))
	}
	if log := w.log.String(); !strings.Contains(log, "404 Not Found") || !strings.Contains(log, "level=WARN") {
		t.Error(log)
	}
	w.addSession("b.example", nil)
	w.set(morning.AddDate(0, 0, 3))
	w.refuse = nil
	w.work(9)
	if w.outcomes[8] != "sent" || len(w.mails) != 18 {
		t.Errorf("%v, %d mails", w.outcomes, len(w.mails))
	}
}

// A domain whose record is gone gets no report; a failure of DNS is a reason to wait.
func TestRecord(t *testing.T) {
	w := newWorld(t, "!", nil)
	w.work(1)
	w.mu.Lock()
	w.record = ""
	w.mu.Unlock()
	w.set(morning.Add(time.Hour))
	w.work(2)
	w.set(morning.Add(9 * time.Hour))
	w.Work()
	if fmt.Sprint(w.outcomes) != "[deferred unwanted]" {
		t.Error(w.outcomes)
	}
}

// Web servers that redirect, that answer without end, or that never answer, keep no
// report from the others, and no Close waiting.
func TestH26_HostileReceivers(t *testing.T) {
	var hits sync.Map
	released := make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Store(r.URL.Path, true)
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		case "/endless":
			w.WriteHeader(http.StatusInternalServerError)
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 4096))
			}
		case "/silent":
			select {
			case <-r.Context().Done():
			case <-released:
			}
		}
	}))
	defer server.Close()
	defer close(released)
	for _, path := range []string{"/redirect", "/endless"} {
		w := newWorld(t, "v=TLSRPTv1; rua="+server.URL+path, nil)
		w.web = server.Client()
		w.web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // as sts.Web does
		if w.work(1); w.outcomes[0] != "deferred" {
			t.Error(path, w.outcomes)
		}
	}
	if _, followed := hits.Load("/elsewhere"); followed {
		t.Error("the redirect is followed")
	}
	w := newWorld(t, "v=TLSRPTv1; rua="+server.URL+"/silent", nil)
	w.web = server.Client()
	w.Work()
	wait.Until(t, "the server is not asked", func() bool { _, asked := hits.Load("/silent"); return asked })
	w.Close()
	if len(w.outcomes) != 0 {
		t.Error(w.outcomes)
	}
}

// If the file cannot be written, nothing is sent, because it would be sent again and
// again; a warning comes once an hour.
func TestFileFails(t *testing.T) {
	w := newWorld(t, "v=TLSRPTv1; rua=mailto:tls@a.example", ed25519Key(t))
	aside := w.file + ".aside"
	if err := os.Rename(w.file, aside); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.file, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.Work()
	}
	if n := strings.Count(w.log.String(), "cannot be kept"); n != 1 || len(w.mails) != 0 {
		t.Errorf("%d warnings, %d mails", n, len(w.mails))
	}
	if err := errors.Join(os.Remove(w.file), os.Rename(aside, w.file)); err != nil {
		t.Fatal(err)
	}
	w.work(1)
	if fmt.Sprint(w.outcomes) != "[sent]" {
		t.Error(w.outcomes)
	}
}

// A report that was accepted shortly before a crash may be sent again: it is the same.
func TestSameReportAfterCrash(t *testing.T) {
	w := newWorld(t, "v=TLSRPTv1; rua=mailto:tls@a.example", ed25519Key(t))
	w.refuse = errDNS
	w.work(1)
	w.set(morning.Add(time.Hour))
	w.work(2)
	var ids []string
	for _, text := range w.mails {
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get("Message-ID"))
	}
	if len(ids) != 2 || ids[0] != ids[1] {
		t.Error(ids)
	}
}
