package page

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/observe"
)

func TestWhatStillUsesAException(t *testing.T) {
	s := New(Options{})
	for i, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
		info := &observe.Session{
			ID: string(rune('a' + i)), Listener: &observe.Listener{Service: "submission"}, TLS: &tls.ConnectionState{Version: version},
			Exception: "10.1.0.0/16", ExceptionNeeded: version < tls.VersionTLS12,
		}
		s.Opened(info)
		s.TLSEstablished(info)
	}
	s.TLSEstablished(&observe.Session{Listener: &observe.Listener{Service: "submission"}, TLS: &tls.ConnectionState{Version: tls.VersionTLS13}})
	for path, wants := range map[string][]string{
		"/metrics":     {`letterlock_exception_handshakes_total{exception="10.1.0.0/16",needed="true",service="submission"} 1`, `needed="false",service="submission"} 2`},
		"/status.json": {`"name": "10.1.0.0/16"`, `"tls_handshakes": 3,`, `"needed": 1`},
		"/":            {"Exception <bdi>10.1.0.0/16</bdi> of submission: 3 TLS handshakes, 1 of which needed it."},
	} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		for _, want := range wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s lacks %s:\n%s", path, want, w.Body)
			}
		}
	}
}
