package health

import (
	"net/http"
	"strings"
)

// Paths of the two answers.
const (
	LivePath  = "/healthz"
	ReadyPath = "/readyz"
)

// Checks are the functions that find out the health of a proxy. Nil functions
// find nothing wrong.
type Checks struct {
	Live  func()          // returns, unless the proxy is deadlocked
	Ready func() []string // why the proxy is not ready; empty: it is
}

// Register adds both answers to a server. An answer is 200 with "ok", or 503 with
// the reasons, one a line.
func (c Checks) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET "+LivePath, func(w http.ResponseWriter, _ *http.Request) {
		if c.Live != nil {
			c.Live()
		}
		answer(w, nil)
	})
	mux.HandleFunc("GET "+ReadyPath, func(w http.ResponseWriter, _ *http.Request) {
		var why []string
		if c.Ready != nil {
			why = c.Ready()
		}
		answer(w, why)
	})
}

func answer(w http.ResponseWriter, why []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if len(why) == 0 {
		_, _ = w.Write([]byte("ok\n"))
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, reason := range why {
		_, _ = w.Write([]byte(strings.ReplaceAll(reason, "\n", " ") + "\n"))
	}
}
