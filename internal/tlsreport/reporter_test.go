package tlsreport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/letterlock/letterlock/internal/resolver"
	"github.com/letterlock/letterlock/internal/test/wait"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// zone holds TXT records by name; "!" is a failure.
type zone map[string][]string

var errDNS = errors.New("no answer")

func (z zone) Ask(_ context.Context, name string, _ dnsmessage.Type) (a resolver.Answer, err error) {
	for _, text := range z[name] {
		if text == "!" {
			return a, errDNS
		}
		a.Records = append(a.Records, dnsmessage.Resource{Body: &dnsmessage.TXTResource{TXT: []string{text[:1], text[1:]}}})
	}
	return a, nil
}

// collectd listens at a socket.
func collectd(t *testing.T) (socket string, conn *net.UnixConn) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "collectd")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	return socket, conn
}

func TestReport(t *testing.T) {
	const record = "v=TLSRPTv1; rua=mailto:tls@a.example"
	socket, conn := collectd(t)
	way := Way{zone{"_smtp._tls.a.example": {record, "something else"}, "_smtp._tls.two.example": {record, record}, "_smtp._tls.other.example": {"v=TLSRPTv10"}}, Collector{socket}}
	r := New(slog.New(slog.DiscardHandler))
	defer r.Close()
	for _, silent := range []string{"none.example", "two.example", "other.example"} {
		r.Report(Session{Domain: silent, Policy: Policy{Kind: NoPolicy, Domain: silent}}, way)
	}
	mx := Server{"mx.a.example", "192.0.2.1"}
	none := Policy{Kind: NoPolicy, Domain: "a.example"}
	sts := Policy{STS, "a.example", []string{"version: STSv1", "mode: testing"}, []string{"*.a.example"}}
	expired := fmt.Errorf("not verified: %w", x509.CertificateInvalidError{Reason: x509.Expired})
	for _, tt := range []struct {
		session Session
		want    string
	}{
		{Session{"a.example", none, mx, "198.51.100.1", nil}, `{"policy-type":9,"policy-domain":"a.example","t":0,"f":0}`},
		{Session{"a.example", none, mx, "198.51.100.1", ErrNoSTARTTLS},
			`{"policy-type":9,"policy-domain":"a.example","failure-details":[{"c":201,"s":"198.51.100.1","n":"mx.a.example","r":"192.0.2.1","f":"STARTTLS is not offered"}],"t":1,"f":1}`},
		{Session{"a.example", sts, mx, "198.51.100.1", expired},
			`{"policy-type":2,"policy-domain":"a.example","policy-string":["version: STSv1","mode: testing"],"mx-host":["*.a.example"],"failure-details":[{"c":204,"s":"198.51.100.1","n":"mx.a.example","r":"192.0.2.1","f":"not verified: x509: certificate has expired or is not yet valid: "}],"t":1,"f":1}`},
	} {
		r.Report(tt.session, way)
		buffer := make([]byte, 65536)
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			D, PR    string
			DPV      string
			Policies []json.RawMessage
		}
		if err := json.Unmarshal(buffer[:n], &got); err != nil || got.D != "a.example" || got.PR != record || got.DPV != "1" || len(got.Policies) != 1 || string(got.Policies[0]) != tt.want {
			t.Errorf("%s\nnot\n%s", buffer[:n], tt.want)
		}
	}
}

func TestResultTypes(t *testing.T) {
	untrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	for want, errs := range map[resultType][]error{
		{201, "starttls-not-supported"}:    {ErrNoSTARTTLS},
		{202, "certificate-host-mismatch"}: {&outbound.WrongName{}},
		{203, "certificate-not-trusted"}:   {x509.UnknownAuthorityError{}, x509.CertificateInvalidError{Reason: x509.TooManyIntermediates}},
		{204, "certificate-expired"}:       {x509.CertificateInvalidError{Reason: x509.Expired}},
		{205, "validation-failure"}:        {errDNS},
		{301, "sts-policy-fetch-error"}:    {&mtasts.Unavailable{Err: errDNS}},
		{302, "sts-policy-invalid"}:        {&mtasts.Unavailable{Invalid: true, Err: errDNS}},
		{303, "sts-webpki-invalid"}:        {&mtasts.Unavailable{Err: fmt.Errorf("Get: %w", untrusted)}},
		{304, "tlsa-invalid"}:              {ErrTLSAUnusable},
		{305, "dnssec-invalid"}:            {ErrTLSALookup},
		{306, "dane-required"}:             {ErrNoTLSA},
	} {
		for _, err := range errs {
			if got := (Session{Err: fmt.Errorf("wrapped: %w", err)}).resultType(); got != want {
				t.Errorf("%T: %v", err, got)
			}
		}
	}
	many := make([]string, 1000)
	for i := range many {
		many[i] = strings.Repeat("x", 100)
	}
	text, err := Session{Err: errors.New(strings.Repeat("\xff", 100_000)), Policy: Policy{Lines: many, MX: many}}.encode("")
	if err != nil || len(text) > 20_000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// A collector that is down, or DNS that fails, costs a warning an hour, and no message
// waits. A closed reporter drops all.
func TestCollectorThatIsDown(t *testing.T) {
	var log bytes.Buffer
	way := Way{zone{"_smtp._tls.a.example": {"v=TLSRPTv1;"}, "_smtp._tls.b.example": {"!"}}, Collector{filepath.Join(t.TempDir(), "nothing")}}
	r := New(slog.New(slog.NewTextHandler(&log, nil)))
	for range 10 {
		r.Report(Session{Domain: "a.example"}, way)
		r.Report(Session{Domain: "b.example"}, way)
	}
	wait.Until(t, "the sessions are not dropped", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.dropped == 19
	})
	r.Close()
	r.Report(Session{Domain: "a.example"}, way)
	if n := strings.Count(log.String(), "missing from the reports"); n != 1 {
		t.Errorf("%d warnings: %s", n, &log)
	}
}

// slow is DNS that takes a while.
type slow struct {
	zone
	time.Duration
}

func (s slow) Ask(ctx context.Context, name string, kind dnsmessage.Type) (resolver.Answer, error) {
	select {
	case <-time.After(s.Duration):
		return s.zone.Ask(ctx, name, kind)
	case <-ctx.Done():
		return resolver.Answer{}, ctx.Err()
	}
}

// heap keeps sessions.
type heap struct {
	mu       sync.Mutex
	sessions []Session
}

func (h *heap) Add(_ context.Context, s Session, _ string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions = append(h.sessions, s)
	return nil
}

// Close waits for the last sessions, but not long, and says that some are missing.
func TestCloseWaits(t *testing.T) {
	for _, tt := range []struct {
		answer, waited time.Duration
		passed         int
	}{{time.Second, time.Second, 1}, {time.Minute, closeTime, 0}} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			h, r := &heap{}, New(slog.New(slog.NewTextHandler(&log, nil)))
			r.Report(Session{Domain: "a.example"}, Way{slow{zone{"_smtp._tls.a.example": {"v=TLSRPTv1;"}}, tt.answer}, h})
			begin := time.Now()
			r.Close()
			if len(h.sessions) != tt.passed || time.Since(begin) != tt.waited || strings.Contains(log.String(), "sessions=1") != (tt.passed == 0) {
				t.Errorf("%d sessions after %s: %s", len(h.sessions), time.Since(begin), &log)
			}
		})
	}
}
