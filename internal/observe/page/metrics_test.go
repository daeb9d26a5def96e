package page

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func TestStoryAsMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(options())
		morning(s)
		body := get(t, s.Handler(), "/metrics")
		for line := range strings.Lines(storyMetrics) {
			if !strings.Contains(body, "\n"+line) {
				t.Errorf("the metrics lack %s", line)
			}
		}
		for _, runtime := range []string{"\ngo_goroutines ", "\nprocess_start_time_seconds "} {
			if !strings.Contains(body, runtime) {
				t.Errorf("the metrics lack %s", runtime)
			}
		}
	})
}

// The clock of a test bubble starts in the year 2000.
const storyMetrics = `letterlock_backend_up{backend="legacy.lan:143",listener=":993",service="imaps"} 1
letterlock_backend_up{backend="spare.lan:143",listener=":993",service="imaps"} 0
letterlock_build_info{version="1.2.3"} 1
letterlock_certificate_expiry_timestamp_seconds{key="ECDSA P-256",name="mail.example.com"} 9.53596957e+08
letterlock_certificate_expiry_timestamp_seconds{key="RSA 2048",name="mail.example.com"} 9.46944157e+08
letterlock_connections_rejected_total{service="imaps"} 1
letterlock_connections_rejected_total{service="smtp"} 0
letterlock_logins_total{mechanism="PLAIN",result="failed",service="imaps"} 1
letterlock_logins_total{mechanism="PLAIN",result="ok",service="imaps"} 1
letterlock_received_bytes_total{service="smtp"} 1.050076e+06
letterlock_refused_before_tls_total{command="LOGIN",service="imap"} 1
letterlock_sent_bytes_total{service="smtp"} 600
letterlock_session_duration_seconds_bucket{service="smtp",le="0.05"} 1
letterlock_session_duration_seconds_bucket{service="smtp",le="1"} 1
letterlock_session_duration_seconds_bucket{service="smtp",le="5"} 2
letterlock_session_duration_seconds_bucket{service="smtp",le="60"} 2
letterlock_session_duration_seconds_bucket{service="smtp",le="300"} 3
letterlock_session_duration_seconds_bucket{service="smtp",le="+Inf"} 3
letterlock_session_duration_seconds_sum{service="smtp"} 92
letterlock_session_duration_seconds_count{service="pop3s"} 0
letterlock_sessions_closed_total{reason="backend-gone",service="smtp",tls="TLSv1.2"} 1
letterlock_sessions_closed_total{reason="done",service="smtp",tls="none"} 1
letterlock_sessions_open{service="imaps"} 1
letterlock_sessions_open{service="smtp"} 0
letterlock_sessions_opened_total{service="pop3s"} 0
letterlock_sessions_opened_total{service="smtp"} 3
letterlock_tls_handshake_failures_total{class="version",service="smtp"} 1
letterlock_tls_handshakes_total{group="RSA",service="smtp",suite="AES128-SHA",version="TLSv1.2"} 1
letterlock_tls_handshakes_total{group="X25519MLKEM768",service="imaps",suite="TLS_AES_128_GCM_SHA256",version="TLSv1.3"} 1
letterlock_tls_resumed_total{service="smtp"} 1
`

func TestMetricsAreWellNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(options())
		morning(s)
		problems, err := promlint.New(strings.NewReader(get(t, s.Handler(), "/metrics"))).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	})
}

// Two certificates may have the same labels; the metric is about the one that
// expires first.
func TestCertificatesThatLookAlike(t *testing.T) {
	s := New(Options{Certificates: func() []CertificateInfo {
		return []CertificateInfo{
			{Names: []string{"a"}, Key: "RSA 2048", NotAfter: time.Unix(2000, 0)},
			{Names: []string{"a", "b"}, Key: "RSA 2048", NotAfter: time.Unix(1000, 0)},
			{Key: "RSA 2048", NotAfter: time.Unix(3000, 0)},
		}
	}})
	body := get(t, s.Handler(), "/metrics")
	for _, want := range []string{`{key="RSA 2048",name="a"} 1000`, `{key="RSA 2048",name=""} 3000`} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
