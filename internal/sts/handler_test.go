package sts

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

func TestHandlerServesOneThing(t *testing.T) {
	p := mtasts.Policy{Mode: "enforce", MaxAge: time.Hour, MX: []string{"mail.example.com"}}
	h := Handler(p)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", mtasts.Path, http.StatusOK},
		{"HEAD", mtasts.Path, http.StatusOK},
		{"POST", mtasts.Path, http.StatusMethodNotAllowed},
		{"GET", "/", http.StatusNotFound},
		{"GET", mtasts.Path + "/", http.StatusNotFound},
		{"GET", "/.well-known/", http.StatusNotFound},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status {
			t.Errorf("%s %s: %d", tt.method, tt.path, w.Code)
		}
		if tt.status == http.StatusOK && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Error(w.Header()) // RFC 8461 §3.3 demands it
		}
		if tt.method == "GET" && tt.status == http.StatusOK && w.Body.String() != p.Text() {
			t.Error(w.Body)
		}
	}
}
